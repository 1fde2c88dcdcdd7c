// Text is cut into sequences of 512 tokens: long enough for attention to have something to look at.
#include "bench/quantize/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "bench/support/number_option.h"
#include "bench/support/output_file.h"
#include "bench/support/seed_option.h"
#include "engine/base/file.h"
#include "engine/checkpoint/gguf.h"
#include "engine/formats/format.h"
#include "engine/text/tokenizer.h"
#include "engine/text/utf8.h"

namespace qwench::bench {

namespace {

constexpr int64_t kSequence = 512;
constexpr int64_t kLeastTokens = 64;
constexpr int64_t kMaxTextBytes = 256 << 20;  // as much as a tokenizer takes

std::vector<int32_t> encode_text(const QuantizeOptions& o, const Checkpoint& checkpoint) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(o.calibration, ignored))
    fail_usage("--calibration: expected a text file or none, got {}, which is no file",
               o.calibration);
  if (checkpoint.is_random())
    fail_usage("--calibration: expected a model with a tokenizer, got random weights ({})",
               checkpoint.path());
  const std::unique_ptr<Tokenizer> tokenizer = open_tokenizer(o.model);
  if (!tokenizer)
    fail_usage(
        "--calibration: expected a tokenizer in {}, found none (tokenizer.json, vocab.json + "
        "merges.txt, qwen.tiktoken or tokenizer.model; tokenizer.ggml.* in a GGUF file)",
        o.model);
  return tokenizer->encode_framed(
      text_of_file(read_file(o.calibration, kMaxTextBytes), o.calibration));
}

/// In any case of letters.
DType read_type(std::string_view text, const char* option) {
  std::string name(text);
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  try {
    return parse_dtype(name);
  } catch (const UsageError&) {
    const std::string near = name == "q8" ? "; did you mean q8_0?" : "";
    fail_usage("{}: expected {}, got {}{}", option, weight_dtype_names(), in_quotes(text), near);
  }
}

}  // namespace

bool QuantizeOptions::to_gguf() const { return is_gguf_name(out); }

void add_quantize_options(CLI::App& command, QuantizeOptions& o) {
  command
      .add_option("-m,--model", o.model,
                  "Model folder, GGUF file, or a shape card (its random weights)")
      ->required();
  add_output_option(command, "-o,--output", o.out, "FILE.gguf, or a folder to create")->required();
  command
      .add_option("--type", o.types,
                  "q8_0, q4_0, q4g, f16, bf16 or f32; PATTERN=TYPE for some matrices, repeatable: "
                  "'layers.*.down_proj=q8_0'")
      ->required()
      ->allow_extra_args(false);
  command.add_option("--embedding-type", o.embedding_type,
                     "Embedding and head (default: q8_0 beside 4-bit layers, else as these)");
  command
      .add_option("--calibration", o.calibration,
                  "Text file whose activations say which weights matter; not the text that is "
                  "tested on")
      ->capture_default_str();
  command.add_option("--calibration-tokens", o.calibration_tokens, "Tokens of it to use")
      ->transform(number_within(kLeastTokens, int64_t(1) << 24))
      ->capture_default_str();
  command.add_flag("--no-error-feedback", o.no_feedback,
                   "Calibrate by the strength of inputs alone");
  command.add_flag("--resume", o.resume, "Go on with what an interrupted run has left");
  command.add_flag("--force", o.force, "Replace the output, or what an interrupted run has left");
  add_output_option(command, "--report", o.report, "Write the JSON document to this file besides");
  command.add_flag("--json", o.json, "One JSON document on stdout");
  command.add_option("-t,--threads", o.threads, "Threads (default: physical cores)")
      ->transform(number_within(int64_t(1), int64_t(1024)));
  add_seed_option(command, o.seed, "Seed of random weights");
  command.add_flag("--mmap", o.mmap, "Map the model's files instead of reading them");
}

TypeRules read_type_rules(const QuantizeOptions& o) {
  TypeRules rules;
  bool any = false;
  for (const std::string& text : o.types) {
    const size_t equals = text.rfind('=');
    if (equals != text.npos) {
      rules.exceptions.push_back(
          {text.substr(0, equals), read_type(text.substr(equals + 1), "--type")});
      continue;
    }
    if (any)
      fail_usage("--type: expected one type for all matrices and PATTERN=TYPE for some, got '{}'",
                 text);
    rules.layers = read_type(text, "--type");
    any = true;
  }
  if (!any)
    fail_usage("--type: expected a type for all matrices (q8_0, q4_0 or q4g) beside PATTERN=TYPE");
  rules.embedding = o.embedding_type.empty() ? embedding_dtype(rules.layers)
                                             : read_type(o.embedding_type, "--embedding-type");
  return rules;
}

void check_types(const QuantizeOptions& o, const std::vector<PlannedPart>& parts) {
  if (!o.to_gguf()) return;
  for (const PlannedPart& part : parts)
    for (const PlannedTensor& t : part.tensors)
      if (t.to.dtype == DType::kQ4G)
        fail_usage(
            "--type: GGUF has no type for q4g (tensor {}); write a folder (-o a name without "
            ".gguf), or use q4_0 or q8_0",
            t.to.name);
}

std::vector<std::vector<int32_t>> calibration_sequences(const QuantizeOptions& o,
                                                        const Checkpoint& checkpoint) {
  const std::vector<int32_t> ids = encode_text(o, checkpoint);
  check_token_ids(ids, checkpoint.config().vocab);
  const int64_t n = int64_t(ids.size());
  if (n < kLeastTokens)
    fail_usage("--calibration: expected at least {} tokens, got {} in {}; use a longer text",
               kLeastTokens, n, o.calibration);
  const int64_t used = std::min(n, o.calibration_tokens);
  const int64_t length = std::min({kSequence, checkpoint.config().max_positions, used / 8});
  const int64_t count = used / length;
  std::vector<std::vector<int32_t>> sequences;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t first = (n - length) * i / (count - 1);
    sequences.emplace_back(ids.begin() + first, ids.begin() + first + length);
  }
  return sequences;
}

}  // namespace qwench::bench
