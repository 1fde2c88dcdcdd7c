// Every command that runs a model, in this process, on a device that behaves like the worst GPU: nothing in bench/
// reads the backend's memory but through it, nor before a step has ended.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <sstream>

#include "bench/command_line.h"
#include "bench/model/new_backend.h"
#include "tests/support/scratch.h"
#include "tests/support/strict_backend.h"

using namespace qwench;
using namespace qwench::test;

namespace {

#define TINY "-m qwench-tiny "

const char* const kCommands[] = {
    "run " TINY "-t 2 --prompt hello -n 4 --logits @/logits.safetensors --trace @/trace.json",
    "run " TINY "-t 2 --prompt hello -n 4 --save-state @/state",
    "run " TINY "-t 2 --load-state @/state -n 4",
    "bench " TINY "-t 2 -p 40 -n 3 -b 1,2 -d 0,70 --runs 2 --warmup 0 --trace @/bench_trace.json",
    "bench " TINY "-t 1 --quick --specific-tests latency --json",
    "kernels --op attention --heads 2 --kv-heads 1 --head-dim 16 --depth 70 --tokens 1,3 -t 1 "
    "--cache hot --seconds 0.01",
    "kernels --op linear --dtype q4_0 --shape 64x64 --tokens 1 -t 1 --cache hot --seconds 0.01",
    "compare " TINY "-t 1 -p 4 -n 2 --rounds 6 a: b:kernel.linear=eigen,inject.delay=0.1",
    "accuracy " TINY "-t 2 --max-tokens 64 --window 32 --generate 4 --generate-prompts 2",
    "accuracy --golden " QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32",
    "accuracy " TINY "-t 2 --gradients",
    "quantize " TINY "-o @/q.gguf --type q4_0",
    "monitor " TINY "-t 1 -n 2 --count 1 --interval 20ms --history @/history.jsonl",
    "doctor " TINY "-t 1",
    "tune -t 1 --quick --ttft 500ms",
};

std::unique_ptr<Backend> strict(std::unique_ptr<Backend> backend) {
  return std::make_unique<StrictBackend>(std::move(backend));
}

/// Its exit code; what it prints goes nowhere.
int run_here(const std::string& command, const ScratchFolder& scratch) {
  std::vector<std::string> words = {"qwench"};
  std::istringstream in(command);
  for (std::string word; in >> word;) {
    for (size_t at; (at = word.find('@')) != word.npos;) word.replace(at, 1, scratch.path());
    words.push_back(word);
  }
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  std::fflush(nullptr);
  const int out = dup(1), err = dup(2), nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, 1), dup2(nowhere, 2);
  const int code = bench::run_program(int(argv.size()), argv.data());
  std::fflush(nullptr);
  dup2(out, 1), dup2(err, 2);
  for (const int file : {out, err, nowhere}) close(file);
  return code;
}

}  // namespace

TEST_CASE("every command that runs a model runs on the strict backend") {
  const ScratchFolder scratch;
  bench::wrap_backends(strict);
  for (const char* command : kCommands) {
    CAPTURE(command);
    CHECK(run_here(command, scratch) == 0);
  }
  bench::wrap_backends(nullptr);
}
