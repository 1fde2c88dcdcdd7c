// What `regress` concludes of two results, and which results it refuses to compare.
#include "tests/bench/bench_result.h"
#include "tests/faults/planted_fault.h"

namespace qwench::test {

namespace {

const std::vector<double> kSpeeds = {99, 100, 101, 100, 100};

Json sound_result() { return bench_result({kSpeeds}); }

/// Files that live as long as the program, and `regress` over two of them.
struct Results {
  ScratchFolder folder;
  int64_t count = 0;

  std::string file(const std::string& text) {
    return folder.write(fmt::format("{}.json", ++count), text);
  }
  /// `current`: the text of a file, which need not be JSON.
  std::function<Conclusion()> compare_text(const Json& baseline, const std::string& current,
                                           const std::string& options = "") {
    return program(fmt::format("regress --baseline {} --current {} {}", file(baseline.dump()),
                               file(current), options));
  }
  std::function<Conclusion()> compare(const Json& current, const std::string& options = "") {
    return compare_text(sound_result(), current.dump(), options);
  }
};

Json with(const std::string& path, const Json& value) {
  Json result = sound_result();
  result[Json::json_pointer(path)] = value;
  return result;
}

/// What a change of the current result does to "ok".
FaultTable changes(Results& files) {
  const auto turns = [&](std::string_view conclusion, std::string_view fault, const Json& current,
                         Conclusion becomes, const std::string& options = "") {
    return PlantedFault{conclusion,
                        fault,
                        files.compare(sound_result(), options),
                        files.compare(current, options),
                        {0, "ok: 3 metrics"},
                        std::move(becomes)};
  };
  const Json noisy = bench_result({{30, 100, 101, 100, 400}});
  Json machine = with("/environment/cpu/model", "another");
  Json two = sound_result();
  two["rows"].push_back(two["rows"][0]), two["rows"][1]["n_tokens"] = 128;
  return {
      turns("regress: no slower", "8 % slower", bench_result({{91, 92, 93, 92, 92}}),
            {4, "REGRESSED: 1 of 3"}),
      turns("regress: no slower", "half as fast is critical", bench_result({{50, 50, 50, 50, 50}}),
            {4, "critical"}),
      turns("regress: the first token is no later", "a fifth later", bench_result({kSpeeds, 12}),
            {4, "first_token_latency_ms"}),
      turns("regress: no larger", "twice as large", bench_result({kSpeeds, 10, 2}),
            {4, "memory_usage_gb"}),
      turns("regress: ok", "runs from a third to four times the speed", noisy,
            {0, "INCONCLUSIVE: 1 of 3"}),
      turns("regress --strict: ok", "the same", noisy, {5, "INCONCLUSIVE"}, "--strict"),
      turns("regress --bisect: good", "the same", noisy, {125, "INCONCLUSIVE"}, "--bisect"),
      turns("regress --bisect: good", "8 % slower", bench_result({{91, 92, 93, 92, 92}}),
            {1, "REGRESSED"}, "--bisect"),
      turns("regress: ok", "two runs", bench_result({{100, 100}}), {0, "fewer than 3 runs"}),
      turns("regress: ok", "on another machine", machine, {0, "another machine"}),
      turns("regress: ok", "the machine's clock rose by half",
            bench_result({kSpeeds, 10, 1, 150e9}), {0, "may be hidden"}),
      turns("regress: ok", "the current run was interrupted", with("/interrupted", true),
            {0, "was interrupted"}),
      turns("regress: ok", "no row holds what was measured before", with("/rows/0/batch", 2),
            {0, "not measured now"}),
      {"regress: every case of the baseline",
       "one was not measured now",
       files.compare_text(two, two.dump()),
       files.compare_text(two, sound_result().dump()),
       {0, "ok: 6 metrics"},
       {0, "not measured now"}},
  };
}

FaultTable refused_documents(Results& files) {
  const auto refused = [&](std::string_view fault, const std::string& current,
                           const std::string& said) {
    return PlantedFault{"regress: a result of bench",
                        fault,
                        files.compare(sound_result()),
                        files.compare_text(sound_result(), current),
                        {0, "ok"},
                        {1, said}};
  };
  Json twice = sound_result();
  twice["rows"].push_back(twice["rows"][0]);
  std::string endless = sound_result().dump();
  endless.replace(endless.find("101.0"), 5, "1e999");
  return {
      refused("cut off", "{", ".json"),
      refused("a list", "[]", "expected a result of `qwench bench`"),
      refused("of another command", with("/command", "compare").dump(), "`qwench compare`"),
      refused("of another schema", with("/schema_version", 2).dump(), "schema_version"),
      refused("a speed below 0", with("/rows/0/tokens_per_second/values/0", -1).dump(), "above 0"),
      refused("a speed of 0", with("/rows/0/tokens_per_second/values/0", 0).dump(), "above 0"),
      refused("no speed", with("/rows/0/tokens_per_second/values/0", nullptr).dump(), "above 0"),
      refused("an infinite speed", endless, ".json"),
      refused("a first token before the prompt", with("/rows/0/ttft_ns_values/0", -5).dump(),
              "above 0"),
      refused("no memory", with("/rows/0/memory/weights/peak", 0).dump(), "above 0"),
      refused("speeds of another type", with("/rows/0/tokens_per_second", "fast").dump(),
              "expected an object"),
      refused("a row that contradicts the config", with("/rows/0/dtype", "q8_0").dump(),
              "as in the document's config"),
      refused("a case twice", twice.dump(), "every case once"),
  };
}

/// Results that differ in one condition are refused by its name; meant, they are compared.
FaultTable unlike_results(Results& files) {
  FaultTable rows;
  for (const Unlike& unlike : unlike_conditions()) {
    const std::string said = unlike.field + ": expected ", meant = "--across " + unlike.field;
    Json other = with(unlike.path, unlike.value);
    for (const char* key : {"model", "dtype", "kv_dtype", "backend"})
      other["rows"][0][key] = other["config"][key];
    rows.push_back({lasting("regress: the same " + unlike.field),
                    "another one",
                    files.compare(sound_result()),
                    files.compare(other),
                    {0, "ok"},
                    {1, said}});
    rows.push_back({lasting("regress: unlike in " + unlike.field),
                    "this difference is meant",
                    files.compare(other),
                    files.compare(other, meant),
                    {1, said},
                    {0, "ok: 3 metrics"}});
  }
  return rows;
}

}  // namespace

FaultTable regress_faults() {
  static Results files;
  const std::string missing = "regress --baseline /nonexistent/base.json";
  FaultTable all = changes(files);
  for (const auto& part : {refused_documents, unlike_results})
    for (PlantedFault& fault : part(files)) all.push_back(std::move(fault));
  all.push_back({"regress: there is a baseline",
                 "there is none",
                 files.compare(sound_result()),
                 program(missing),
                 {0, "ok"},
                 {1, "/nonexistent/base.json"}});
  all.push_back({"regress --allow-missing: a first run passes",
                 "--strict",
                 program(missing + " --allow-missing"),
                 program(missing + " --allow-missing --strict"),
                 {0, ""},
                 {5, "no baseline"}});
  all.push_back({"regress: the difference is one that exists",
                 "it is misspelt",
                 files.compare(sound_result(), "--across dtype"),
                 files.compare(sound_result(), "--across dtpye"),
                 {0, "ok"},
                 {2, "--across"}});
  return all;
}

}  // namespace qwench::test
