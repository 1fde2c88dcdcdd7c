// What the program concludes of a command line, a file that it is to write, and the streams it was given.
#include <filesystem>

#include "tests/faults/planted_fault.h"

namespace qwench::test {

namespace {

const std::string kModel = " -m " QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32 ";
const std::string kTiny = " -m " QWENCH_SOURCE_DIR "/models/qwench-tiny ";

/// A program that writes one file, whose folder is there or not. What it says is the verdict.
PlantedFault missing_folder(std::string_view conclusion, const std::string& arguments) {
  const auto with = [arguments](const std::string& below) {
    return [arguments, below] {
      const ScratchFolder scratch;
      const Outcome o = run(arguments + " " + scratch.path() + below + "/out.json");
      const bool written = std::filesystem::exists(scratch.path() + below + "/out.json");
      return Conclusion{o.code, written ? "written" : o.err};
    };
  };
  return {conclusion,     "its folder is not there", with(""), with("/none"),
          {0, "written"}, {1, "there is no folder"}};
}

/// `sh -c` around the program, whose exit code and words are the conclusion.
std::function<Conclusion()> shell(std::string before, std::string arguments) {
  return [before = std::move(before), arguments = std::move(arguments)] {
    const ScratchFolder scratch;
    const std::string script = scratch.write(
        "script", before + "\n" + std::string(kProgram) + " " + arguments + " 2>&1\n");
    FILE* pipe = popen(("sh " + script).c_str(), "r");
    REQUIRE(pipe != nullptr);
    Conclusion conclusion;
    for (int c; (c = std::fgetc(pipe)) != EOF;) conclusion.verdict += char(c);
    const int status = pclose(pipe);
    conclusion.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return conclusion;
  };
}

/// A prompt of many passes; `signal` comes while it is read.
std::function<Conclusion()> prompt(const std::string& signal) {
  const std::string run = std::string(kProgram) + " run" + kTiny + "-t 1 -n 1 --tokens ";
  const std::string kill = signal.empty() ? "" : "sleep 0.3; kill -" + signal + " $!; ";
  return shell("ids=$(seq -s, 1 1000); for i in 1 2 3; do ids=$ids,$ids; done\n" + run +
                   "$ids >/dev/null 2>&1 &\n" + kill + "wait $!; exit $?",
               "version");
}

/// A result of `bench` whose configuration names a plug-in.
std::function<Conclusion()> baseline(const std::string& plugins) {
  return [plugins] {
    const ScratchFolder scratch;
    const std::string result = scratch.write(
        "result.json", R"({"config": {"model_path": ")" QWENCH_SOURCE_DIR
                       R"(/tests/data/text/qwen2-untied-f32", "prefill_tokens": [2], )"
                       R"("decode_tokens": [0], "threads": [1], "runs": 1, "plugins": )" +
                           plugins + "}}");
    const Outcome o = run("bench --plan --config " + result);
    return Conclusion{o.code, o.out + o.err};
  };
}

}  // namespace

FaultTable option_faults() {
  return {
      {"bench: a result's configuration is run again",
       "it names a plug-in",
       baseline("[]"),
       baseline("[\"evil.so\"]"),
       {0, "prefill"},
       {2, "add --plugin"}},
      {"run: the prompt is read",
       "Ctrl-C comes meanwhile",
       prompt(""),
       prompt("INT"),
       {0, ""},
       {130, ""}},
      {"run: the prompt is read",
       "SIGTERM comes meanwhile",
       prompt(""),
       prompt("TERM"),
       {0, ""},
       {130, ""}},
      {"run: there are as many threads as asked for",
       "the system makes fewer",
       shell("", "run" + kTiny + "--prompt a -n 1 -t 64"),
       shell("ulimit -v 400000", "run" + kTiny + "--prompt a -n 1 -t 64"),
       {0, ""},
       {1, "error: threads"}},
      missing_folder("bench: the result is written",
                     "bench" + kModel + "-p 2 -n 0 --runs 1 --output"),
      missing_folder("accuracy: the result is written",
                     "accuracy" + kTiny + "--max-tokens 64 --generate 0 --no-floor --output"),
      missing_folder("accuracy: the reference is dumped",
                     "accuracy" + kTiny + "--max-tokens 64 --dump"),
      missing_folder("compare: the result is written",
                     "compare" + kModel + "a: b: -p 2 -n 0 --rounds 1 --output"),
      missing_folder("run: the trace is written", "run" + kModel + "--tokens 1 -n 1 --trace"),
      missing_folder("run: the logits are written", "run" + kModel + "--tokens 1 -n 0 --logits"),
  };
}

}  // namespace qwench::test
