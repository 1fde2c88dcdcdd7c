// The program `qwench`. Everything it does is in command_line.cc and the subcommands.
#include "bench/command_line.h"

int main(int argc, char** argv) { return qwench::bench::run_program(argc, argv); }
