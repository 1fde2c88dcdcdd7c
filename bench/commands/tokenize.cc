// `qwench tokenize`: text to ids and back, for people and, as JSON lines, for scripts.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "bench/commands.h"
#include "bench/model/default_model.h"
#include "bench/support/exit_code.h"
#include "bench/support/output.h"
#include "engine/base/check.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/text/tokenizer.h"

namespace qwench::bench {

namespace {

struct TokenizeOptions {
  std::string path, text;
  bool jsonl = false;
};

std::unique_ptr<Tokenizer> open(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(model_source(path), ignored))
    fail_usage("-m: expected a folder or a tokenizer file, got {}, which does not exist", path);
  std::unique_ptr<Tokenizer> tokenizer = open_tokenizer(path);
  if (!tokenizer)
    fail_usage(
        "-m: expected a tokenizer in {}, found none (tokenizer.json, vocab.json + merges.txt, "
        "qwen.tiktoken or tokenizer.model)",
        path);
  return tokenizer;
}

int answer_lines(const Tokenizer& tokenizer) {
  int64_t number = 0;
  for (std::string line; std::getline(std::cin, line);) {
    const std::string where = fmt::format("line {}", ++number);
    const std::string text = read_string(parse_json(line, where), "text", where);
    const std::vector<int32_t> ids = tokenizer.encode_framed(text);
    print(to_line({{"ids", ids},
                   {"decoded", tokenizer.decode(ids, false)},
                   {"plain", tokenizer.decode(ids, true)}}));
  }
  return kExitOk;
}

int show_tokens(const Tokenizer& tokenizer, const std::string& text) {
  const std::vector<int32_t> ids = tokenizer.encode_framed(text);
  std::string list, pieces;
  for (int32_t id : ids) {
    list += fmt::format("{}{}", list.empty() ? "" : ",", id);
    pieces += fmt::format("{:>8}  {}{}", id, tokenizer.is_special(id) ? "special " : "",
                          to_line(OrderedJson(tokenizer.token_bytes(id))));
  }
  print(fmt::format("{}{}\n{} tokens, {} bytes\n", pieces, list, ids.size(), text.size()));
  return kExitOk;
}

int run_tokenize(const TokenizeOptions& o, bool has_text) {
  if (o.jsonl && has_text) fail_usage("--jsonl: reads stdin, so no text may be given");
  ModelOptions model;
  model.model = o.path;
  use_default_model(model);
  const std::unique_ptr<Tokenizer> tokenizer = open(model.model);
  if (o.jsonl) return answer_lines(*tokenizer);
  if (has_text) return show_tokens(*tokenizer, o.text);
  return show_tokens(*tokenizer, std::string(std::istreambuf_iterator<char>(std::cin), {}));
}

}  // namespace

void add_tokenize_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<TokenizeOptions>();
  CLI::App* command = program.add_subcommand("tokenize", "Show the token ids of a text");
  command->add_option("-m,--model", o->path,
                      "Model folder or tokenizer file (default: qwench-tiny)");
  command->add_flag("--jsonl", o->jsonl,
                    "Answer {\"text\"} lines with {\"ids\",\"decoded\",\"plain\"}");
  command->footer(
      "As `run --prompt` has them: special tokens written in the text are tokens, and what the\n"
      "tokenizer's files put around a text (a BOS token) is there too. stdin is taken byte by "
      "byte.");
  CLI::Option* text = command->add_option("text", o->text, "The text (default: stdin)");
  command->callback([o, text, &chosen] {
    chosen = [o, given = text->count() > 0] { return run_tokenize(*o, given); };
  });
}

}  // namespace qwench::bench
