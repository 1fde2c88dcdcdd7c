// Greedy decoding, whatever sampling the model's own configuration asks for: a comparison must not
// depend on a seed.
#include "bench/tasks/prompt_task.h"

#include <algorithm>

#include "bench/model/greedy.h"
#include "bench/support/interrupt.h"
#include "bench/support/output.h"
#include "bench/tasks/likelihood.h"
#include "bench/tasks/task_file.h"
#include "bench/text_metrics/python_text.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

constexpr int64_t kDefaultNew = 128;

/// The line on which each element of the outermost array begins. Precondition: valid JSON.
std::vector<int64_t> element_lines(const std::string& text) {
  std::vector<int64_t> lines;
  int64_t line = 1, depth = 0;
  bool in_string = false, expected = false;  // expected: an element comes next
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    line += int64_t(c == '\n');
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
      continue;
    }
    if (expected && std::string_view(" \t\r\n]").find(c) == std::string_view::npos)
      lines.push_back(line), expected = false;
    in_string = c == '"';
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth == 1 && (c == ',' || (c == '[' && lines.empty()))) expected = true;
  }
  return lines;
}

std::vector<int32_t> answer(Session& session, const std::vector<int32_t>& prompt, int64_t max_new,
                            const TaskRun& run) {
  session.truncate(0, 0);
  session.prefill(0, prompt.data(), int64_t(prompt.size()));
  const std::vector<int32_t>& stops = run.text.stop_ids;
  return decode_greedily(session, max_new, emit_limit(run), [&](int32_t id) {
    return std::find(stops.begin(), stops.end(), id) == stops.end();
  });
}

int64_t same_texts(const PromptResult& a, const PromptResult& b) {
  int64_t same = 0;
  for (size_t i = 0; i < std::min(a.predictions.size(), b.predictions.size()); ++i)
    same += int64_t(a.predictions[i] == b.predictions[i]);
  return same;
}

}  // namespace

std::vector<PromptItem> read_prompts(const std::string& path, int64_t limit) {
  const std::string text = read_task_text(path);
  JsonLimits limits;
  limits.max_bytes = int64_t(text.size());
  const Json document = parse_json(text, path, limits);
  if (!document.is_array() || document.empty())
    fail("{}:1: expected a JSON array of {{\"prompt\", \"reference\"}}, got {}", path,
         document.is_array() ? "an empty one" : describe(document));
  const std::vector<int64_t> lines = element_lines(text);
  QWENCH_CHECK(lines.size() == document.size());
  std::vector<PromptItem> items;
  for (const Json& entry : document) {
    PromptItem item;
    item.where = fmt::format("{}:{}", path, lines[items.size()]);
    item.prompt = read_text(entry, "prompt", item.where);
    item.reference = read_string(entry, "reference", item.where);
    item.max_new =
        has(entry, "max_new") ? read_int(entry, "max_new", 1, 65536, item.where) : kDefaultNew;
    items.push_back(std::move(item));
  }
  if (limit > 0 && limit < int64_t(items.size())) items.resize(size_t(limit));
  return items;
}

std::vector<std::vector<int32_t>> PromptTask::encode(const TaskRun& run) const {
  const Tokenizer& tokenizer = require_tokenizer(run, *this);
  std::vector<std::vector<int32_t>> prompts;
  for (const PromptItem& item : items_) {
    prompts.push_back(tokenizer.encode_framed(item.prompt));
    if (prompts.back().empty())
      fail("{}: expected a prompt of at least one token, got none", item.where);
  }
  return prompts;
}

void PromptTask::run(const TaskRun& run) {
  const std::vector<std::vector<int32_t>> prompts = encode(run);
  int64_t capacity = 0;
  for (size_t i = 0; i < items_.size(); ++i)
    capacity = std::max(capacity, int64_t(prompts[i].size()) + items_[i].max_new);
  note_long_items(run, *this, capacity);
  SessionOptions options = session_options(run.options, 1, capacity);
  options.prefill_chunk = std::min(options.prefill_chunk, capacity);
  require_session_memory(run.loaded.model, options);
  Session session(run.loaded.model, options);
  PromptResult result;
  result.name = run.name;
  Progress progress;
  const int64_t start = now_ns();
  for (size_t i = 0; i < items_.size(); ++i) {
    progress.show(fmt::format("{} prompts: {} of {}", run.name, i + 1, size()));
    std::vector<int32_t> ids;
    result.interrupted =
        !finished([&] { ids = answer(session, prompts[i], items_[i].max_new, run); });
    if (result.interrupted) break;
    result.predictions.push_back(run.text.plain_text(ids));
  }
  progress.done(fmt::format("{} {}: {} of {} prompts in {}", run.name, file(),
                            result.predictions.size(), size(),
                            format_ns(double(now_ns() - start))));
  score(result);
  results_.push_back(std::move(result));
}

void PromptTask::score(PromptResult& result) const {
  if (result.predictions.empty()) return;
  std::vector<std::string> references, lines;
  for (const std::string& prediction : result.predictions) {
    const PromptItem& item = items_[references.size()];
    references.push_back(item.reference);
    // A continuation starts with a blank, a reference does not.
    result.exact += int64_t(python_strip(prediction) == python_strip(item.reference));
    lines.push_back(to_line(
        {{"prompt", item.prompt}, {"prediction", prediction}, {"reference", item.reference}}));
  }
  result.scores = score_texts(result.predictions, references);
  for (const CustomMetric& metric : metrics_)
    result.metrics.push_back(mean(run_metric(metric, lines)));
}

TaskVerdict PromptTask::verdict(size_t run) const {
  const std::vector<Rouge>&reference = results_.front().scores.rouge,
        &candidate = results_[run].scores.rouge;
  std::vector<double> differences;
  for (size_t k = 0; k < std::min(reference.size(), candidate.size()); ++k)
    differences.push_back(candidate[k].rougeL.f1 - reference[k].rougeL.f1);
  return judge_scores(differences, drop());
}

OrderedJson PromptTask::results() const {
  OrderedJson list = OrderedJson::array();
  for (const PromptResult& result : results_) {
    const size_t n = result.predictions.size();
    OrderedJson json = {{"name", result.name}, {"n", n}, {"interrupted", result.interrupted}};
    if (n > 0) {
      const TextScores& scores = result.scores;
      json.update(to_json(mean(scores.rouge)));
      json["corpus_bleu"] = scores.corpus_bleu.score;
      json["bleu_signature"] = kBleuSignature;
      json["sentence_bleu"] = mean(scores.sentence_bleu);
      json["exact_match"] = double(result.exact) / double(n);
      json["same_text_as_reference_model"] =
          double(same_texts(results_.front(), result)) / double(n);
    }
    json["metrics"] = OrderedJson::object();
    for (size_t i = 0; i < result.metrics.size(); ++i)
      json["metrics"][metrics_[i].name] = result.metrics[i];
    json["verdict"] = verdict_json(*this, size_t(&result - results_.data()));
    json["predictions"] = result.predictions;
    list.push_back(std::move(json));
  }
  return list;
}

void PromptTask::add_rows(TaskTables& to) const {
  for (const PromptResult& result : results_) {
    const size_t n = result.predictions.size();
    std::vector<std::string> cells = {task(), short_name(file()), result.name, std::to_string(n)};
    if (n == 0) {
      cells.resize(11, "-");
      to.texts.add(std::move(cells));
      continue;
    }
    const Rouge r = mean(result.scores.rouge);
    for (const double f1 : {r.rouge1.f1, r.rouge2.f1, r.rougeL.f1})
      cells.push_back(fmt::format("{:.4f}", f1));
    cells.push_back(fmt::format("{:.2f}", result.scores.corpus_bleu.score));
    cells.push_back(fmt::format("{}/{}", result.exact, n));
    std::string others;
    for (size_t i = 0; i < result.metrics.size(); ++i)
      others +=
          fmt::format("{}{} {}", i ? ", " : "", metrics_[i].name, format_number(result.metrics[i]));
    cells.push_back(others.empty() ? "-" : others);
    cells.push_back(verdict_cell(*this, result.name, size_t(&result - results_.data()), to));
    to.texts.add(std::move(cells));
  }
}

}  // namespace qwench::bench
