// Every option that takes a value is given texts that are no number, or none that fits: the program says so,
// or does what was asked, and never ends by a signal.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>

#include "bench/commands.h"
#include "bench/support/command_tree.h"
#include "tests/bench/program.h"

using namespace qwench::test;
using qwench::bench::CommandText;
using qwench::bench::OptionText;

namespace {

const std::string kModel = " -m " QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32 ";
const std::string kTiny = " -m " QWENCH_SOURCE_DIR "/models/qwench-tiny ";
const std::string kResult = " " QWENCH_SOURCE_DIR "/tests/data/report/bench-bf16.json ";

/// The least that makes each command complete; with it a value that is admitted is also used.
const std::map<std::string, std::string> kCommands = {
    {"run", kModel + "--tokens 1,2 -n 1 -t 1"},
    {"chat", kTiny + "-n 1 -t 1"},
    {"tokenize", kTiny + "word"},
    {"inspect", kModel},
    {"doctor", kModel},
    {"bench", kModel + "-p 2 -n 1 -d 0 -b 1 --runs 1 --warmup 0 -t 1 --plan"},
    {"accuracy", kTiny + "--max-tokens 16 --window 8 --generate 0 --no-floor -t 1"},
    {"compare", kModel + "a: b: -p 2 -n 1 -t 1 --rounds 1"},
    {"regress", "--baseline" + kResult + "--current" + kResult},
    {"monitor", kModel + "--history h.jsonl --count 1 -n 1 -t 1"},
    {"kernels", "--op argmax -m qwen2.5-0.5b --tokens 1 -t 1 --seconds 0.01"},
    {"report", kResult},
    {"visualize", kResult + "--output-file x.svg"},
    {"quantize", kModel + "-o q --type q8_0 -t 1 --force"},
    {"tune", "--ttft 1s --plan"},
    {"export", kResult + "--format benchstat"},
    {"score", QWENCH_SOURCE_DIR "/tests/data/text-metrics/pairs.jsonl"},
    {"models", ""},
    {"list", ""},
    {"describe", "latency"},
    {"completion", "bash"},
    {"help", ""},
    {"version", ""},
};

bool is_number(const OptionText& option) {
  const std::string type = option.value.substr(0, option.value.find(':'));
  return type == "INT" || type == "UINT" || type == "FLOAT";
}

}  // namespace

TEST_CASE("no option ends the program by a signal, and a number is one") {
  if (!available()) return;
  CLI::App program;
  qwench::bench::Action chosen;
  qwench::bench::declare_program(program, chosen);
  const ScratchFolder scratch;
  std::filesystem::current_path(scratch.path());
  for (const CommandText& command : qwench::bench::command_tree(program)) {
    INFO(command.name);
    REQUIRE(kCommands.count(command.name) == 1);
    for (const OptionText& option : command.options) {
      if (option.value.empty() || option.positional) continue;
      // What is no number for CLI11 may be one for whoever reads it: a list, a limit, a time.
      const std::vector<const char*> texts =
          is_number(option) ? std::vector<const char*>{"nan", "inf", "-0", "1e308", "0x10", "''"}
                            : std::vector<const char*>{"nan", "1e308"};
      for (const char* text : texts) {
        const Outcome o = run(command.name + " " + kCommands.at(command.name) + " " +
                              option.names.back() + " " + text);
        INFO(option.names.back() << " " << std::string(text) << "\n" << o.err);
        CHECK(o.code >= 0);
        CHECK(o.code <= 5);
        const bool fits = std::string(text) == "-0" || std::string(text) == "1e308";
        if (is_number(option) && !fits) CHECK(o.code == 2);
      }
    }
  }
  std::filesystem::current_path(QWENCH_SOURCE_DIR);
}
