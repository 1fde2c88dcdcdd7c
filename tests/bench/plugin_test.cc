// Kernels from shared libraries: loaded, listed, timed, run, and refused when anything is wrong.
#include <doctest/doctest.h>
#include <CLI/CLI.hpp>

#include <map>
#include <set>

#include "bench/kernels/kernel_contest.h"
#include "bench/kernels/kernel_list.h"
#include "bench/machine/host.h"
#include "bench/model/model_options.h"
#include "bench/sweep/options.h"
#include "cpu/cpu_backend.h"
#include "engine/base/json.h"
#include "tests/bench/program.h"
#include "tests/support/poisoned.h"

using namespace qwench;
using namespace qwench::test;
using bench::ContestRow;
using bench::ContestSettings;

namespace {

const std::string kExample = QWENCH_BUILD_DIR "/plugin_example.so";
const std::string kFolder = QWENCH_BUILD_DIR "/tests/plugins/";
const std::string kChat = QWENCH_SOURCE_DIR "/tests/data/text-chat/qwen3-chat-bf16";

std::unique_ptr<Backend> backend_of(const std::vector<std::string>& plugins,
                                    const std::string& choice = "", int threads = 1) {
  cpu::CpuOptions options;
  options.threads = threads, options.plugins = plugins;
  if (!choice.empty()) options.policy.add(choice);
  return cpu::make_cpu_backend(options);
}

std::string refusal_of(const std::string& name) {
  try {
    backend_of({kFolder + name + ".so"});
  } catch (const UsageError&) {
    return "a usage error";
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

ContestSettings small_contest(const std::string& plugin) {
  ContestSettings settings;
  OpSizes& s = settings.sizes;
  s.n_tokens = 3, s.depth = 70, s.out = 37, s.in = 96, s.dim = 64, s.ffn_dim = 96, s.vocab = 200;
  s.n_heads = 4, s.n_kv_heads = 2, s.head_dim = 32, s.dtype = DType::kBF16;
  s.bias = s.qk_norm = true;
  settings.baseline = "reference", settings.threads = 2, settings.seconds = 1e-4;
  settings.cold = false, settings.plugins = {plugin};
  return settings;
}

const ContestRow& row_named(const std::vector<ContestRow>& rows, const std::string& kernel) {
  for (const ContestRow& row : rows)
    if (row.kernel == kernel) return row;
  FAIL("no row named ", kernel);
  return rows.front();
}

std::set<std::string> keys_of(const Json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

}  // namespace

TEST_CASE("the C interface describes every op well enough to compute it") {
  for (size_t op = 0; op < kOpNames.size(); ++op) {
    CAPTURE(kOpNames[op]);
    const ContestSettings settings = small_contest(kFolder + "every_op.so");
    const std::vector<ContestRow> rows = bench::run_contest(OpId(op), settings);
    const ContestRow& row = row_named(rows, "naive");
    CHECK(row.refusal.empty());
    CHECK(row.runs());
    CHECK(row.nmse < 1e-12);
    CHECK(row.plugin == "every-op 1.0");
    CHECK(row.against_baseline.has_value());
    CHECK(row_named(rows, "reference").plugin.empty());
  }
}

TEST_CASE("a plug-in reads every type of weights and of keys as they are stored") {
  for (const DType dtype : kWeightDTypes) {
    CAPTURE(name_of(dtype));
    ContestSettings settings = small_contest(kFolder + "every_op.so");
    settings.sizes.dtype = dtype;
    const auto rows = bench::run_contest(id_of<LinearArgs>(), settings);
    const ContestRow& row = row_named(rows, "naive");
    CHECK(row.refusal == (dtype == DType::kQ4G ? "reads weights of other types" : ""));
    CHECK((row.wrong.empty() && row.nmse < 1e-12));
  }
  ContestSettings settings = small_contest(kFolder + "every_op.so");
  settings.sizes.kv_dtype = DType::kF16;
  CHECK(row_named(bench::run_contest(id_of<AttentionArgs>(), settings), "naive").nmse < 1e-12);
  CHECK(row_named(bench::run_contest(id_of<KvStoreArgs>(), settings), "naive").refusal ==
        "stores f32 only");
}

TEST_CASE("a plug-in's kernel is listed last and runs only where it is forced") {
  const auto backend = backend_of({kFolder + "every_op.so"});
  OpSizes sizes;
  sizes.head_dim = 6;  // no fused kernel of qk_norm_rope takes it
  int listed = 0;
  for (const bench::KernelRow& row : bench::list_kernels(*backend, sizes)) {
    if (row.plugin.empty()) continue;
    ++listed;
    CAPTURE(row.op);
    CHECK_FALSE(row.chosen);
    CHECK(row.plugin == "every-op 1.0");
    CHECK(row.kernel == "naive");
  }
  CHECK(listed == kNumOps);
  const auto forced = backend_of({kFolder + "every_op.so"}, "qk_norm_rope=naive");
  for (const bench::KernelRow& row : bench::list_kernels(*forced, sizes))
    if (row.chosen) CHECK((row.kernel == "naive") == (row.op == "qk_norm_rope"));
}

TEST_CASE("plug-ins of one backend are not those of another") {
  const auto with = backend_of({kExample, kFolder + "every_op.so"}), without = backend_of({});
  const auto count = [](const KernelList<LinearArgs>& list) { return list.end() - list.begin(); };
  CHECK(count(with->kernels(Tag<LinearArgs>{})) == count(without->kernels(Tag<LinearArgs>{})) + 2);
  CHECK_THROWS_WITH_AS(backend_of({}, "linear=example_tiles"), doctest::Contains("eigen"),
                       UsageError);
}

TEST_CASE("the example keeps its promise: the same bits for any number of tokens and threads") {
  const int64_t out = 70, in = 203, n = 7;
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    Poisoned x({n, in}, 1), random({out, in}, 2, 0.1f), one({n, out}), all({n, out});
    std::vector<char> stored(size_t(out * in * size_of(dtype)));
    convert(random.view().data, DType::kF32, stored.data(), dtype, out * in);
    const WeightView w{dtype, out, in, stored.data(), nullptr};
    const auto run = [&](Poisoned& y, int threads, int64_t step) {
      const auto backend = backend_of({kExample}, "linear=example_tiles", threads);
      for (int64_t t = 0; t < n; t += step)
        backend->run(LinearArgs{x.view().slice(t, step), w, {}, y.view().slice(t, step)});
    };
    run(one, 1, 1), run(all, 3, n);
    CHECK(one.guards_intact());
    CHECK_FALSE(one.has_nan());
    for (int64_t i = 0; i < n * out; ++i) CHECK(one.at(i) == all.at(i));
  }
}

TEST_CASE("what is wrong with a plug-in is said before anything runs") {
  const std::pair<const char*, const char*> refusals[] = {
      {"no_such_file", "cannot open shared object file"},
      {"no_entry", "expected a function qwench_plugin"},
      {"null_answer", "null pointer"},
      {"other_abi", "expected version 2 of the interface, got 3"},
      {"later_minor", "expected version 2.0 to 2.1 of the interface, got 2.2"},
      {"version_1", "expected version 2 of the interface, got 1"},
      {"unknown_option", "expected options of QWENCH_OPTION_..., together 15 at most, got 1024"},
      {"null_kernels", "expected 1 to 256 kernels, got a null pointer"},
      {"no_kernel", "expected 1 to 256 kernels, got 0"},
      {"many_kernels", "expected 1 to 256 kernels, got 1073741824"},
      {"null_plugin_name", "name: expected a text, got a null pointer"},
      {"empty_version", "version: expected 1 to 64 letters"},
      {"null_op", "kernels[0].op: expected a text"},
      {"unknown_op", "kernels[0].op: expected one of embed, "},
      {"null_name", "kernels[0].name: expected a text"},
      {"empty_name", "kernels[0].name: expected 1 to 64 letters"},
      {"name_with_equals", "'a=b'"},
      {"reserved_name", "expected a name of its own, got 'composed'"},
      {"null_run", "(rms_norm=own): expected functions unsupported and run"},
      {"null_unsupported", "(rms_norm=own): expected functions unsupported and run"},
      {"wrong_flag", "expected invariant 0 or 1"},
      {"duplicate",
       "kernel own of rms_norm: expected a name of its own, got that of one of plug-in"},
      {"built_in_name", "kernel f32_polyexp_avx2 of swiglu: expected a name of its own"},
  };
  for (const auto& [name, said] : refusals) {
    const std::string refusal = refusal_of(name);
    CAPTURE(refusal);
    CHECK(refusal.find(said) != std::string::npos);
    CHECK(refusal.find(std::string(name) + ".so") != std::string::npos);
  }
}

TEST_CASE("a file that is no library, a folder and a library given twice are refused") {
  const ScratchFolder folder;
  CHECK_THROWS_WITH_AS(backend_of({folder.write("text.so", std::string(4096, 'x'))}),
                       doctest::Contains("invalid ELF header"), Error);
  CHECK_THROWS_WITH_AS(backend_of({folder.path()}), doctest::Contains("no file"), Error);
  CHECK_THROWS_WITH_AS(backend_of({"plugin_example.so"}), doctest::Contains("cannot open"), Error);
  CHECK_THROWS_WITH_AS(backend_of({kExample, kExample}),
                       doctest::Contains("one of plug-in example 1.0"), Error);
}

TEST_CASE("a failing run names plug-in, kernel, op and code; a refusal without words has some") {
  Poisoned x({2, 8}, 1), w({8}, 2), y({2, 8});
  const RmsNormArgs args{x.view(), w.view(), 1e-6f, y.view()};
  CHECK_THROWS_WITH_AS(backend_of({kFolder + "fails.so"}, "rms_norm=own")->run(args),
                       doctest::Contains("kernel own of rms_norm: its run failed with code 7"),
                       Error);
  CHECK_THROWS_WITH_AS(backend_of({kFolder + "silent_refusal.so"}, "rms_norm=own")->run(args),
                       doctest::Contains("gives no reason"), UsageError);
}

TEST_CASE("kernels times a plug-in's kernel in a row like any other, and not a wrong one") {
  if (!available()) return;
  const std::string sizes = " -t 2 --seconds 0.01 --json --tokens 1";
  const Outcome right = run("kernels --op linear --dtype bf16 --shape 64x96 --plugin " + kExample +
                            " --baseline eigen" + sizes);
  REQUIRE_MESSAGE(right.code == 0, right.err);
  const Json document = parse_json(right.out, "stdout");
  std::map<std::string, Json> rows;
  for (const Json& row : document["rows"]) rows[row["kernel"]] = row;
  CHECK(document["config"]["plugins"].size() == 1);
  CHECK(rows["reference"]["plugin"].is_null());
  if (bench::host().has("avx2")) {
    const Json& own = rows["example_tiles"];
    CHECK(own["plugin"] == "example 1.0");
    CHECK(keys_of(own) == keys_of(rows["eigen"]));
    CHECK(own["against_baseline"].contains("verdict"));
    CHECK(own["nmse"].get<double>() < 1e-12);
  }
  const Outcome wrong = run("kernels --op rms_norm --plugin " + kFolder + "wrong.so" + sizes);
  CHECK(wrong.code == 3);
  const Json result = parse_json(wrong.out, "stdout");
  for (const Json& row : result["rows"]) {
    const bool own = row["plugin"] == "broken 0.1";
    CHECK(row["correct"] == !own);
    CHECK(row.contains("ns") == !own);
  }
}

TEST_CASE("every command with a model takes --plugin, and configurations have a key for it") {
  if (!available()) return;
  const std::string model = " -m " + kChat + " -t 1 ", plugin = " --plugin " + kExample;
  const std::string forced = plugin + " --kernel linear=example_tiles --kernel swiglu=example_exp";
  const Outcome list = run("run" + model + forced + " --kernel list");
  CHECK(list.out.find("plug-in example 1.0") != std::string::npos);
  const std::string prompt = model + "--tokens 1,2,3,4,5 -n 8 --greedy --ignore-eos --json ";
  const Outcome own = run("run" + prompt + forced);
  REQUIRE_MESSAGE(own.code == 0, own.err);
  const Outcome reference = run("run" + prompt + "--kernel reference");
  CHECK(parse_json(own.out, "own")["ids"] == parse_json(reference.out, "reference")["ids"]);
  const Outcome compared =
      run("compare" + model +
          "--kv-dtype f32 -p 8 -n 4 --rounds 4 --json a:kernel=reference own:plugin=" + kExample +
          ",kernel.linear=example_tiles");
  REQUIRE_MESSAGE(compared.code == 0, compared.err);
  const Json json = parse_json(compared.out, "stdout");
  CHECK(json["configurations"][1]["logits"]["relative_l2"].get<double>() < 1e-5);
  CHECK(json["configurations"][1]["logits"]["relative_l2"].get<double>() > 0);
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", "A few words, and a few more of them.\n");
  const Outcome accuracy =
      run("accuracy" + model + forced + " --text " + text + " --no-floor --generate 0 --json");
  REQUIRE_MESSAGE(accuracy.code == 0, accuracy.err);
  CHECK(parse_json(accuracy.out, "stdout")["pass"] == true);
}

TEST_CASE("a result of bench names its plug-ins; only the command line loads them again") {
  bench::BenchOptions made, again;
  made.model.plugins = {"one.so", "the second.so"};
  const ScratchFolder folder;
  again.config =
      folder.write("result.json", bench::options_json(made, read_axes(made), "f32").dump());
  CLI::App command;
  bench::declare_bench_options(command, again);
  CHECK_THROWS_WITH_AS(bench::apply_config_file(command, again),
                       doctest::Contains("add --plugin one.so --plugin 'the second.so'"),
                       UsageError);
  command.parse("--plugin own.so");
  bench::apply_config_file(command, again);
  CHECK(again.model.plugins == std::vector<std::string>{"own.so"});
}

TEST_CASE("a plug-in that cannot be used ends a command with 1, a kernel it lacks with 2") {
  if (!available()) return;
  const Outcome missing = run("kernels --plugin /no/such/file.so");
  CHECK(missing.code == 1);
  CHECK(missing.err.find("/no/such/file.so") != std::string::npos);
  const Outcome fails =
      run("run -m " + kChat + " --tokens 1 --kernel rms_norm=own --plugin " + kFolder + "fails.so");
  CHECK(fails.code == 1);
  CHECK(fails.err.find("failed with code 7") != std::string::npos);
  check_usage_error("run -m " + kChat + " --tokens 1 --plugin " + kExample + " --kernel linear=own",
                    "example_tiles");
  check_usage_error("compare -m " + kChat + " a: b:plugin=x.so,plugin=y.so", "given twice");
}
