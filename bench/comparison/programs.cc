// What is asked of a build is what any of them offers: `bench --json` and `run --logits`.
#include "bench/comparison/programs.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "bench/machine/host.h"
#include "bench/support/child_process.h"
#include "bench/support/interrupt.h"
#include "bench/support/output.h"
#include "bench/support/program.h"
#include "cpu/cpu_backend.h"
#include "engine/base/check.h"
#include "engine/checkpoint/safetensors.h"

namespace qwench::bench {

namespace {

constexpr int64_t kRunsAProcess = 3;
constexpr int64_t kMostMs = 3'600'000;              // of one process
constexpr int64_t kMostLogits = int64_t(64) << 20;  // numbers asked of one process

/// The last line that is not empty.
std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  const size_t begin = text.find_last_of("\n\r");
  return begin == std::string::npos ? text : text.substr(begin + 1);
}

const Json& member(const Json& object, const char* key, const std::string& where) {
  if (!has(object, key)) fail("{}: expected a result of `qwench bench` with {}", where, key);
  return object.at(key);
}

/// One pass of the median speed; ops are those of the run that the row describes, none of them where
/// one is not known here: a family of ops that lacks one would look faster than it is.
Turn pass_of(const Json& row, const std::string& where) {
  const double tokens = double(read_int(row, "n_tokens", 1, int64_t(1) << 40, where)) *
                        double(read_int(row, "batch", 1, int64_t(1) << 20, where));
  Turn turn;
  turn.ns = tokens * 1e9 /
            read_number(member(row, "tokens_per_second", where), "median", 1e-9, 1e15, where);
  for (const Json& op : member(row, "ops", where)) {
    const auto* name = std::find(kOpNames.begin(), kOpNames.end(), read_string(op, "op", where));
    if (name == kOpNames.end()) {
      turn.op_ns.clear();
      break;
    }
    turn.op_ns[*name] += read_number(op, "ns", 0, 1e18, where);
  }
  return turn;
}

/// A file that goes with its scope.
class ScratchFile {
 public:
  ScratchFile() : path_(std::filesystem::temp_directory_path() / "qwench-XXXXXX") {
    const int file = ::mkstemp(path_.data());
    if (file < 0) fail("{}: expected a temporary file, could not make it", path_);
    ::close(file);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  ~ScratchFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

std::vector<Program> read_programs(const std::vector<std::string>& texts) {
  std::vector<Program> programs;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    Program program{std::string(1, char('a' + programs.size() % 26)), text};
    if (equals != std::string::npos) program = {text.substr(0, equals), text.substr(equals + 1)};
    if (program.name.empty() || program.path.empty())
      fail_usage("--exe: expected PATH or NAME=PATH, got {}", in_quotes(text));
    for (const Program& other : programs)
      if (other.name == program.name)
        fail_usage("--exe: expected different names, got {} twice", in_quotes(program.name));
    programs.push_back(std::move(program));
  }
  return programs;
}

Programs::Programs(std::vector<Program> programs, const ModelOptions& model,
                   const Workload& workload)
    : programs_(std::move(programs)),
      model_(model),
      workload_(workload),
      kept_(programs_.size()),
      last_(programs_.size()) {
  const std::unique_ptr<Checkpoint> checkpoint = open_model(model);
  vocab_ = checkpoint->config().vocab;
  numerics_.precision = precision_of(*checkpoint, model);
}

std::vector<std::string> Programs::options(int64_t prefill_chunk) const {
  std::vector<std::string> options = {"-m",
                                      model_.model,
                                      "--kv-dtype",
                                      std::string(name_of(kv_type(model_).dtype)),
                                      "--backend",
                                      model_.backend,
                                      "--prefill-chunk",
                                      std::to_string(prefill_chunk),
                                      "--seed",
                                      std::to_string(model_.seed),
                                      "--json"};
  const auto add = [&](const char* option, const std::string& value) {
    options.emplace_back(option), options.push_back(value);
  };
  if (!model_.dtype.empty()) add("--dtype", model_.dtype);
  if (model_.threads) add("--threads", std::to_string(model_.threads));
  if (isa_option() != cpu::kIsaLimitNames.front()) add("--isa", isa_option());
  for (const std::string& plugin : model_.plugins) add("--plugin", plugin);
  for (const std::string& kernel : model_.kernels) add("--kernel", kernel);
  if (model_.mmap) options.emplace_back("--mmap");
  return options;
}

Json Programs::run(size_t arm, std::vector<std::string> arguments, int64_t prefill_chunk) const {
  const Program& program = programs_[arm];
  const std::vector<std::string> shared = options(prefill_chunk);
  arguments.insert(arguments.begin(), program.path);
  arguments.insert(arguments.end(), shared.begin(), shared.end());
  ChildSpec child{arguments, {}};
  child.timeout_ms = kMostMs;
  const ChildResult ended = run_child(child);
  if (interrupted()) return nullptr;
  if (ended.start_error || ended.timed_out || ended.exit_code != 0)
    fail("--exe {}: expected `{}` to exit with 0, got {}", program.path,
         fmt::join(arguments.begin() + 1, arguments.end(), " "),
         ended.exit_code > 0 ? fmt::format("{}: {}", ended.exit_code, last_line(ended.errors))
                             : describe(ended, child));
  return parse_json(ended.output, program.path);
}

/// False when interrupted.
bool Programs::measure(size_t arm) {
  const Workload& w = workload_;
  const Json result = run(arm,
                          {"bench", "-p", std::to_string(w.prefill), "-n", std::to_string(w.decode),
                           "-d", std::to_string(w.depth), "-b", std::to_string(w.batch), "--runs",
                           std::to_string(kRunsAProcess), "--warmup", "1"},
                          model_.prefill_chunk);
  if (result.is_null()) return false;
  const std::string& where = programs_[arm].path;
  for (const Json& row : member(result, "rows", where)) {
    const bool prefill = read_string(row, "phase", where) == name_of(Phase::kPrefill);
    kept_[arm].push_back({prefill ? Phase::kPrefill : Phase::kDecode, pass_of(row, where)});
    if (last_[arm].is_null() && prefill && kept_[arm].back().pass.op_ns.empty())
      note(
          fmt::format("note: {}: its ops have other names than those of this build; only the whole "
                      "model is compared",
                      where));
  }
  last_[arm] = result;
  return true;
}

std::optional<Turn> Programs::take_turn(size_t arm, Phase phase, int64_t repeats) {
  std::deque<Kept>& kept = kept_[arm];
  const auto of_phase = [&](const Kept& k) { return k.phase == phase; };
  auto found = std::find_if(kept.begin(), kept.end(), of_phase);
  if (found == kept.end()) {
    if (!measure(arm)) return std::nullopt;
    found = std::find_if(kept.begin(), kept.end(), of_phase);
    if (found == kept.end())
      fail("{}: expected a row of {}, got none", programs_[arm].path, name_of(phase));
  }
  Turn turn = std::move(found->pass);
  kept.erase(found);
  turn.ns *= double(repeats);
  for (auto& [op, ns] : turn.op_ns) ns *= double(repeats);
  return turn;
}

/// The prompt of the workload by `run --logits`: in chunks as it is timed, or token by token. False when
/// interrupted.
bool Programs::read_logits(size_t arm, Phase phase, Rows& to) const {
  const bool prefill = phase == Phase::kPrefill;
  const std::string& where = programs_[arm].path;
  const int64_t n = std::min(workload_.tokens(phase), std::max<int64_t>(1, kMostLogits / vocab_));
  const ScratchFile file;
  const std::string tokens =
      fmt::format("{}", fmt::join(random_ids(n, vocab_, workload_.seed + 2), ","));
  if (run(arm, {"run", "--tokens", tokens, "-n", "0", "--greedy", "--logits", file.path()},
          prefill ? model_.prefill_chunk : 1)
          .is_null())
    return false;
  const SafetensorsFile logits(file.path());
  const StoredTensor* tensor = logits.find("logits");
  const int64_t bytes = n * vocab_ * int64_t(sizeof(float));
  if (!tensor || tensor->end - tensor->begin != bytes)
    fail("{}: expected logits of {} tokens and {} words", where, n, vocab_);
  to.width = vocab_;
  to.values.resize(size_t(n * vocab_));
  logits.read(*tensor, 0, bytes, to.values.data());
  return true;
}

PhaseOutput Programs::output_of(size_t arm, Phase phase) const {
  const std::string& where = programs_[arm].path;
  PhaseOutput output;
  output.phase = phase;
  for (const Json& row : member(last_[arm], "rows", where)) {
    if (read_string(row, "phase", where) != name_of(phase)) continue;
    if (has(row, "output_hash")) output.tokens = read_string(row, "output_hash", where);
    for (const Json& op : member(row, "ops", where)) {
      const std::string inputs = has(op, "inputs") ? read_string(op, "inputs", where) : "";
      if (const auto known = input_precision_of(inputs))
        output.inputs = std::max(output.inputs, *known);
    }
  }
  return output;
}

ArmOutputs Programs::outputs(size_t arm) {
  ArmOutputs outputs;
  outputs.numerics = numerics_;
  if (last_[arm].is_null() && !measure(arm)) return {};
  for (const Phase phase : {Phase::kPrefill, Phase::kDecode}) {
    if (!workload_.tokens(phase)) continue;
    outputs.phases.push_back(output_of(arm, phase));
    if (!read_logits(arm, phase, outputs.phases.back().logits)) return {};
  }
  return outputs;
}

ArmFacts Programs::facts(size_t arm) {
  const std::string& where = programs_[arm].path;
  ArmFacts facts;
  const Json& row = member(last_[arm], "rows", where).at(0);
  for (const auto& [kind, bytes] : member(row, "memory", where).items())
    facts.memory_bytes += read_int(bytes, "now", 0, INT64_MAX / 8, where);
  const Json& tool = member(member(last_[arm], "environment", where), "tool", where);
  facts.description = {{"program", without_home(where)}, {"tool", OrderedJson::parse(tool.dump())}};
  return facts;
}

}  // namespace qwench::bench
