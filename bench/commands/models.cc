// `qwench models`: the models that -m finds by name, the shape cards that it takes where there is no model, and
// what the model of each shape takes.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "bench/commands.h"
#include "bench/model/model_options.h"
#include "bench/support/exit_code.h"
#include "bench/support/output.h"
#include "bench/support/table.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/model_places.h"

namespace qwench::bench {

namespace {

std::vector<std::unique_ptr<Checkpoint>> cards_by_size() {
  std::vector<std::unique_ptr<Checkpoint>> cards;
  for (const std::string& name : shape_card_names())
    cards.push_back(open_shape_card(name, OpenOptions()));
  std::stable_sort(cards.begin(), cards.end(), [](const auto& a, const auto& b) {
    const ModelConfig &x = a->config(), &y = b->config();
    return x.model_type != y.model_type ? x.model_type < y.model_type
                                        : x.parameters() < y.parameters();
  });
  return cards;
}

/// "1.19 GB": of the weights held as one type.
std::string size_as(const Checkpoint& card, DType dtype) {
  LoadOptions load;
  load.as_stored = false, load.dtype = dtype;
  return fmt::format("{:.2f} GB", double(weight_bytes(card, load)) * 1e-9);
}

/// The models that -m finds by name, where they are.
std::string found_models() {
  Table table({"<model", "<where"});
  const auto models = models_in_places();
  for (const auto& [name, path] : models) table.add({name, path});
  return models.empty() ? std::string() : table.to_string() + "\n";
}

int run_models() {
  constexpr DType kSizes[] = {DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4G};
  std::vector<std::string> head = {"<shape card", "parameters"};
  for (const DType dtype : kSizes) head.emplace_back(name_of(dtype));
  Table table(head);
  for (const std::unique_ptr<Checkpoint>& card : cards_by_size()) {
    std::vector<std::string> row = {
        card->path(), fmt::format("{:.2f} B", double(card->config().parameters()) * 1e-9)};
    for (const DType dtype : kSizes) row.push_back(size_as(*card, dtype));
    table.add(row);
  }
  print(found_models() + table.to_string());
  note(
      "A shape card has random weights: speed and memory are those of the model, text and accuracy "
      "mean nothing. For the model itself give -m its folder, GGUF file or id in Hugging Face's "
      "cache.");
  return kExitOk;
}

}  // namespace

void add_models_command(CLI::App& program, Action& chosen) {
  CLI::App* command = program.add_subcommand(
      "models", "List the models that are here, and the shape cards: sizes without a file");
  command->callback([&chosen] { chosen = run_models; });
}

}  // namespace qwench::bench
