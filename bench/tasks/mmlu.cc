// Every reader ends in MmluQuestion, so that prompts are made in one place.
#include "bench/tasks/mmlu.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iterator>

#include "bench/support/csv.h"
#include "bench/tasks/task_file.h"
#include "bench/text_metrics/python_text.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

namespace fs = std::filesystem;
constexpr std::string_view kLetters = "ABCD";

int64_t answer_of_letter(const std::string& text, const std::string& where, const char* hint) {
  const std::string letter(python_strip(text));
  const size_t found = letter.size() == 1 ? kLetters.find(letter[0]) : kLetters.npos;
  if (found == kLetters.npos)
    fail("answer: expected A, B, C or D, got {} ({}){}", in_quotes(text), where, hint);
  return int64_t(found);
}

/// "abstract_algebra_test" -> "abstract algebra"; "" for a name that is not of the release.
std::string subject_of(const fs::path& csv) {
  std::string stem = csv.stem().string();
  for (const char* split : {"_test", "_dev", "_val"}) {
    const size_t at = stem.rfind(split);
    if (at == std::string::npos || at == 0 || at + std::strlen(split) != stem.size()) continue;
    return python_replace(stem.substr(0, at), "_", " ");
  }
  return {};
}

std::vector<MmluQuestion> read_csv(const fs::path& path) {
  std::vector<MmluQuestion> questions;
  for (CsvRow& row : parse_csv(read_task_text(path.string()), path.string())) {
    MmluQuestion q;
    q.where = fmt::format("{}:{}", path.string(), row.line);
    if (row.cells.size() != 6)
      fail("{}: expected 6 columns (question, A, B, C, D, answer), got {}", q.where,
           row.cells.size());
    q.question = row.cells[0];
    if (python_strip(q.question).empty())
      fail("{}: expected a question, got an empty cell", q.where);
    q.choices.assign(row.cells.begin() + 1, row.cells.begin() + 5);
    q.answer = answer_of_letter(row.cells[5], q.where,
                                row.line == 1 ? "; the file must have no header line" : "");
    q.subject = subject_of(path);
    questions.push_back(std::move(q));
  }
  return questions;
}

void keep_first(std::vector<MmluQuestion>& questions, int64_t limit) {
  if (limit > 0 && limit < int64_t(questions.size())) questions.resize(size_t(limit));
}

void append(std::vector<MmluQuestion>& to, std::vector<MmluQuestion> from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

/// A test file and, where it lies as in the release, the examples of its subject.
void read_subject(const fs::path& test, int64_t limit, MmluSet& to) {
  std::vector<MmluQuestion> questions = read_csv(test);
  keep_first(questions, limit);
  append(to.test, std::move(questions));
  std::string dev = test.stem().string();
  const size_t split = dev.rfind('_');
  if (subject_of(test).empty()) return;
  dev = dev.substr(0, split) + "_dev.csv";
  const fs::path beside = fs::absolute(test).parent_path().parent_path() / "dev" / dev;
  if (!is_missing(beside.string())) append(to.shots, read_csv(beside));
}

MmluSet read_release(const fs::path& folder, int64_t limit) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder / "test", error)) {
    const std::string name = entry.path().filename().string();
    const std::string ending = "_test.csv";
    if (name.size() > ending.size() &&
        name.compare(name.size() - ending.size(), ending.size(), ending) == 0)
      files.push_back(entry.path());
  }
  if (files.empty())
    fail(
        "{}: expected a release folder of MMLU (test/SUBJECT_test.csv, dev/SUBJECT_dev.csv), found "
        "no such file; give the folder that holds test/, or one file",
        folder.string());
  std::sort(files.begin(), files.end());
  MmluSet set;
  for (const fs::path& file : files) read_subject(file, limit, set);
  return set;
}

int64_t read_answer(const Json& object, const std::string& where) {
  if (!has(object, "answer")) fail("{}: key 'answer' is missing", where);
  const Json& answer = object.at("answer");
  if (answer.is_string()) return answer_of_letter(answer.get<std::string>(), where, "");
  return as_int(answer, "answer", 0, 3, where);
}

MmluSet read_jsonl(const std::string& path, int64_t limit) {
  MmluSet set;
  for (const JsonLine& line : read_json_lines(path)) {
    MmluQuestion q;
    q.where = line.where;
    q.question = read_text(line.value, "question", q.where);
    q.choices = read_four(line.value, "choices", q.where);
    q.answer = read_answer(line.value, q.where);
    q.subject = python_replace(read_optional(line.value, "subject", q.where), "_", " ");
    q.group = read_optional(line.value, "group", q.where);
    const std::string split = read_optional(line.value, "split", q.where);
    if (!split.empty() && split != "dev" && split != "validation" && split != "test")
      fail("split: expected dev, validation or test, got {} ({})", in_quotes(split), q.where);
    (split == "dev" ? set.shots : set.test).push_back(std::move(q));
  }
  if (set.test.empty())
    fail("{}: expected at least one question, got only examples (\"split\": \"dev\")", path);
  keep_first(set.test, limit);
  return set;
}

std::string header(const std::string& subject) {
  if (subject.empty()) return {};
  return "The following are multiple choice questions (with answers) about " + subject + ".\n\n";
}

std::string ask(const MmluQuestion& q) {
  return fmt::format("{}\nA. {}\nB. {}\nC. {}\nD. {}\nAnswer:", python_strip(q.question),
                     q.choices[0], q.choices[1], q.choices[2], q.choices[3]);
}

/// The first `shots` examples of the subject, answered.
std::string examples(const MmluSet& set, const MmluQuestion& of, int64_t shots,
                     const std::string& path) {
  std::string text;
  int64_t found = 0;
  for (const MmluQuestion& q : set.shots) {
    if (found == shots) break;
    if (q.subject != of.subject) continue;
    text += ask(q) + " " + kLetters[size_t(q.answer)] + "\n\n";
    ++found;
  }
  if (found < shots)
    fail(
        "--shots {}: expected as many examples {} in {}, got {}; examples are dev/SUBJECT_dev.csv "
        "of the release, or lines with \"split\": \"dev\"",
        shots, of.subject.empty() ? "without a subject" : "about " + of.subject, path, found);
  return text;
}

}  // namespace

MmluSet read_mmlu(const std::string& path, int64_t limit) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return read_release(path, limit);
  if (fs::path(path).extension() != ".csv") return read_jsonl(path, limit);
  MmluSet set;
  read_subject(path, limit, set);
  return set;
}

std::vector<LikelihoodItem> mmlu_items(const MmluSet& set, int64_t shots, const std::string& path) {
  std::vector<LikelihoodItem> items;
  for (const MmluQuestion& q : set.test) {
    LikelihoodItem item;
    item.context = header(q.subject) + examples(set, q, shots, path) + ask(q);
    for (int i = 0; i < 4; ++i) item.endings.push_back({std::string(" ") + kLetters[size_t(i)], 1});
    item.answer = q.answer;
    item.group = q.group.empty() ? q.subject : q.group;
    item.where = q.where;
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace qwench::bench
