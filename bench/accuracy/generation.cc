// The same ids go in on both sides only as the prompt; from there each follows its own choices.
#include "bench/accuracy/generation.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "bench/model/greedy.h"
#include "bench/support/output.h"

namespace qwench::bench {

namespace {

/// logits[id] minus the largest of the others below `limit`; Inf when there is no other.
float margin_of(const float* logits, int32_t id, int64_t limit) {
  float next = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < limit; ++i)
    if (i != id) next = std::max(next, logits[i]);
  return logits[id] - next;
}

void begin(Session& session, const std::vector<int32_t>& prompt) {
  session.truncate(0, 0);
  session.prefill(0, prompt.data(), int64_t(prompt.size()));
}

/// The logits behind each of the first ids after the prompt.
std::vector<float> decode_rows(Session& session, const Continuation& along, int64_t vocab) {
  std::vector<float> rows;
  begin(session, along.prompt);
  const int64_t n = std::min(kDecodedRows, int64_t(along.ids.size()));
  for (int64_t i = 0; i < n; ++i) {
    session.decode(&along.ids[size_t(i)]);
    rows.insert(rows.end(), session.logits(0), session.logits(0) + vocab);
  }
  return rows;
}

Continuation continue_one(Session& session, const std::vector<int32_t>& prompt, int64_t n,
                          int64_t limit) {
  Continuation c;
  c.prompt = prompt;
  begin(session, prompt);
  c.ids = decode_greedily(session, n, limit, [&](int32_t id) {
    c.margins.push_back(margin_of(session.logits(0), id, limit));
    return true;
  });
  return c;
}

/// Levenshtein's distance of two id sequences.
int64_t token_distance(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  std::vector<int64_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    int64_t diagonal = row[0];
    row[0] = int64_t(i) + 1;
    for (size_t k = 0; k < b.size(); ++k) {
      const int64_t replaced = diagonal + (a[i] != b[k]);
      diagonal = row[k + 1];
      row[k + 1] = std::min({replaced, row[k] + 1, row[k + 1] + 1});
    }
  }
  return row.back();
}

GenerationMatch match(const Continuation& reference, const Continuation& candidate) {
  GenerationMatch m;
  m.prompt_tokens = int64_t(reference.prompt.size());
  m.n = int64_t(reference.ids.size());
  const auto parted = std::mismatch(reference.ids.begin(), reference.ids.end(),
                                    candidate.ids.begin(), candidate.ids.end())
                          .first;
  m.exact_prefix = parted - reference.ids.begin();
  if (m.exact_prefix < m.n) m.margin = reference.margins[size_t(m.exact_prefix)];
  m.edit_distance = token_distance(reference.ids, candidate.ids);
  return m;
}

/// The sum of a field over all matches as a part of the tokens generated.
double part_of_tokens(const std::vector<GenerationMatch>& matches,
                      int64_t GenerationMatch::*field) {
  int64_t sum = 0, tokens = 0;
  for (const GenerationMatch& m : matches) sum += m.*field, tokens += m.n;
  return tokens ? double(sum) / double(tokens) : 0;
}

}  // namespace

std::vector<std::vector<int32_t>> document_prefixes(const ScoredText& text, int64_t n_prompts) {
  std::vector<std::vector<int32_t>> prefixes;
  std::vector<int64_t> starts = text.document_starts();
  starts.push_back(int64_t(text.ids.size()));
  for (size_t i = 0; i + 1 < starts.size() && int64_t(prefixes.size()) < n_prompts; ++i) {
    const int64_t half = (starts[i + 1] - starts[i]) / 2;
    if (half == 0) continue;
    const auto begin = text.ids.begin() + starts[i];
    prefixes.emplace_back(begin, begin + std::min(half, kLongestPrefix));
  }
  return prefixes;
}

std::vector<Continuation> continue_all(const ConfiguredModel& model,
                                       const std::vector<std::vector<int32_t>>& prompts, int64_t n,
                                       int64_t limit, const std::vector<Continuation>* reference) {
  SessionOptions options = model.session_options();
  options.capacity = kLongestPrefix + n;
  options.logit_rows = 1;
  Session session(model.loaded().model, options);
  std::vector<Continuation> continuations;
  for (const std::vector<int32_t>& prompt : prompts)
    continuations.push_back(continue_one(session, prompt, n, limit));
  if (!continuations.empty()) {
    const Continuation& along = reference ? reference->front() : continuations.front();
    continuations.front().decoded = decode_rows(session, along, model.config().vocab);
  }
  return continuations;
}

int64_t GenerationSimilarity::identical() const {
  return std::count_if(matches.begin(), matches.end(),
                       [](const GenerationMatch& m) { return m.exact_prefix == m.n; });
}
double GenerationSimilarity::mean_exact_prefix() const {
  return part_of_tokens(matches, &GenerationMatch::exact_prefix);
}
double GenerationSimilarity::mean_edit_distance() const {
  return part_of_tokens(matches, &GenerationMatch::edit_distance);
}

GenerationSimilarity compare_continuations(const std::vector<Continuation>& reference,
                                           const std::vector<Continuation>& candidate) {
  QWENCH_CHECK(reference.size() == candidate.size());
  GenerationSimilarity similarity;
  for (size_t i = 0; i < reference.size(); ++i)
    similarity.matches.push_back(match(reference[i], candidate[i]));
  for (size_t i = 0; i < reference.size(); ++i) {
    const std::vector<float>&r = reference[i].decoded, &c = candidate[i].decoded;
    QWENCH_CHECK(r.size() == c.size());
    similarity.decoded.add(r.data(), c.data(), int64_t(r.size()));
  }
  return similarity;
}

OrderedJson to_json(const GenerationSimilarity& similarity) {
  OrderedJson matches = OrderedJson::array();
  int64_t tokens = 0;
  for (const GenerationMatch& m : similarity.matches) {
    const bool parted = m.exact_prefix < m.n;
    OrderedJson first = nullptr, margin = nullptr;
    if (parted) first = m.exact_prefix;
    if (m.margin) margin = *m.margin;
    matches.push_back({{"prompt_tokens", m.prompt_tokens},
                       {"tokens", m.n},
                       {"first_divergent_token", first},
                       {"reference_margin", margin},
                       {"exact_prefix", m.exact_prefix},
                       {"edit_distance", m.edit_distance}});
    tokens += m.n;
  }
  return {{"prompts", similarity.matches.size()},
          {"tokens", tokens},
          {"identical", similarity.identical()},
          {"exact_prefix", similarity.mean_exact_prefix()},
          {"edit_distance", similarity.mean_edit_distance()},
          {"decode_relative_l2",
           similarity.decoded.count() ? finite_or_null(similarity.decoded.relative_l2()) : nullptr},
          {"matches", matches}};
}

}  // namespace qwench::bench
