// The program `qwench`. Everything it does is in command_line.cc and the subcommands.
#include "bench/command_line.h"
#include "bench/support/terminal.h"

int main(int argc, char** argv) {
  qwench::bench::detect_terminal();
  return qwench::bench::run_program(argc, argv);
}
