// Retrieval-augmented answers end to end: chunks become vectors (the mean of the last layer's hidden
// states), a question finds the nearest ones, and the model answers with them as context.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "bench/model/greedy.h"
#include "bench/suites/criteria.h"
#include "bench/suites/machine_suites.h"
#include "bench/suites/synthetic_corpus.h"
#include "bench/support/interrupt.h"

namespace qwench::bench {

namespace {

constexpr int64_t kStored = 1000, kChunkWords = 64, kQuestionWords = 8;
constexpr int64_t kLargeModel = 10'000'000'000;

/// How much context an answer gets and how long it is.
struct Kind {
  const char* name;
  int64_t chunks, generated;
  double limit_s;
};
constexpr Kind kAnswers[] = {{"simple", 2, 32, 6}, {"complex", 8, 96, 15}};

void normalize(std::vector<float>& vector) {
  double sum = 0;
  for (float v : vector) sum += double(v) * double(v);
  const double scale = sum > 0 ? 1 / std::sqrt(sum) : 0;
  for (float& v : vector) v = float(double(v) * scale);
}

/// Vectors of unit length, in rows.
class Index {
 public:
  explicit Index(int64_t dim) : dim_(dim) {}
  void add(const std::vector<float>& vector) {
    rows_.insert(rows_.end(), vector.begin(), vector.end());
  }
  int64_t size() const { return int64_t(rows_.size()) / dim_; }

  /// Takes what all rows so far have in common out of them, and from now on out of every question: without
  /// it the hidden states of a model all point one way.
  void center() {
    common_.assign(size_t(dim_), 0.0f);
    for (size_t i = 0; i < rows_.size(); ++i)
      common_[i % size_t(dim_)] += rows_[i] / float(std::max<int64_t>(size(), 1));
    for (int64_t r = 0; r < size(); ++r) {
      std::vector<float> row(rows_.begin() + r * dim_, rows_.begin() + (r + 1) * dim_);
      row = centered(std::move(row));
      std::copy(row.begin(), row.end(), rows_.begin() + r * dim_);
    }
  }
  std::vector<float> centered(std::vector<float> vector) const {
    for (size_t i = 0; i < vector.size(); ++i) vector[i] -= common_[i];
    normalize(vector);
    return vector;
  }

  /// The rows nearest to the vector by their cosine, best first; every row is looked at.
  std::vector<int64_t> nearest(const std::vector<float>& vector, int64_t k) const {
    std::vector<float> scores(size_t(size()), 0.0f);
    for (size_t r = 0; r < scores.size(); ++r) {
      const float* row = rows_.data() + int64_t(r) * dim_;
      float sums[8] = {};
      int64_t d = 0;
      for (; d + 8 <= dim_; d += 8)
        for (int64_t i = 0; i < 8; ++i) sums[i] += row[d + i] * vector[size_t(d + i)];
      for (; d < dim_; ++d) sums[0] += row[d] * vector[size_t(d)];
      for (float sum : sums) scores[r] += sum;
    }
    std::vector<int64_t> order(scores.size(), 0);
    std::iota(order.begin(), order.end(), 0);
    const int64_t n = std::min(k, size());
    std::partial_sort(order.begin(), order.begin() + n, order.end(), [&](int64_t a, int64_t b) {
      return scores[size_t(a)] != scores[size_t(b)] ? scores[size_t(a)] > scores[size_t(b)] : a < b;
    });
    order.resize(size_t(n));
    return order;
  }

 private:
  int64_t dim_;
  std::vector<float> rows_, common_;
};

class RetrievalSuite {
 public:
  explicit RetrievalSuite(SuiteContext& context)
      : context_(context),
        config_(context.checkpoint().config()),
        ids_(tokenizer_of(context), config_.vocab),
        index_(config_.dim) {}

  SuiteResult run() {
    const int64_t most = quick() ? 8 : 64;
    for (int64_t i = 0; i < most; ++i) {
      chunks_.push_back(synthetic_document(uint64_t(i), kChunkWords));
      longest_ = std::max(longest_, int64_t(ids_.encode(chunks_.back()).size()));
    }
    const int64_t capacity = kAnswers[1].chunks * longest_ + 128 + kAnswers[1].generated;
    LoadedModel& loaded = context_.model(1, capacity);
    Session session(loaded.model, session_options(context_.options().model, 1, capacity));
    session_ = &session;
    session.add_layer_hook([this](Backend& b, const LayerOutput& o) { add_states(b, o); });
    embed_chunks();
    if (!interrupted()) search();
    for (const Kind& kind : kAnswers)
      if (!interrupted()) answer(kind);
    judge();
    describe();
    return std::move(found_.result);
  }

 private:
  static std::unique_ptr<Tokenizer> tokenizer_of(SuiteContext& context) {
    if (context.checkpoint().is_random()) return nullptr;
    return open_tokenizer(context.options().model.model);
  }
  bool quick() const { return context_.options().quick; }

  void add_states(Backend& backend, const LayerOutput& output) {
    if (!pooling_ || output.layer != config_.n_layers - 1) return;
    states_.resize(size_t(output.x.shape.count()));
    backend.download(states_.data(), output.x.data, output.x.bytes());
    for (size_t i = 0; i < states_.size(); ++i)
      pooled_[i % size_t(config_.dim)] += double(states_[i]);
  }

  /// The direction of the mean hidden state of a text's tokens.
  std::vector<float> embed(const std::string& text) {
    const std::vector<int32_t> ids = ids_.encode(text);
    pooled_.assign(size_t(config_.dim), 0.0);
    pooling_ = true;
    session_->truncate(0, 0);
    session_->prefill(0, ids.data(), std::min(int64_t(ids.size()), session_->capacity()));
    pooling_ = false;
    std::vector<float> vector(pooled_.begin(), pooled_.end());
    normalize(vector);
    return vector;
  }

  /// As many real chunks as three seconds allow, then random vectors up to kStored.
  void embed_chunks() {
    constexpr int64_t kEnoughNs = 3'000'000'000;
    std::vector<double> ns, per_minute, all;
    embed(chunks_.front());  // warm
    const int64_t begin = now_ns();
    for (const std::string& chunk : chunks_) {
      if (interrupted() || (ns.size() >= 2 && now_ns() - begin > kEnoughNs)) break;
      context_.progress().show(fmt::format("embedding {}/{}", ns.size() + 1, chunks_.size()));
      const int64_t start = now_ns();
      index_.add(embed(chunk));
      ns.push_back(double(now_ns() - start));
      per_minute.push_back(60e9 / ns.back());
    }
    embedded_ = int64_t(ns.size());
    if (!ns.empty()) all.push_back(mean(ns) * double(kStored));
    index_.center();
    std::mt19937_64 random(1);
    std::normal_distribution<float> normal(0, 1);
    for (int64_t i = embedded_; i < kStored; ++i) {
      std::vector<float> vector(size_t(config_.dim), 0.0f);
      for (float& v : vector) v = normal(random);
      normalize(vector);
      index_.add(vector);
    }
    found_.measured("embed_chunk", "ns", ns);
    found_.measured("embed_1000_chunks", "ns", all);
    found_.measured("chunks_per_minute", "items/min", per_minute);
  }

  void search() {
    std::vector<double> ns, first, among, itself;
    for (int64_t i = 0; i < embedded_ && !interrupted(); ++i) {
      const std::vector<float> question = index_.centered(embed(question_of(i)));
      const int64_t start = now_ns();
      const std::vector<int64_t> nearest = index_.nearest(question, 8);
      ns.push_back(double(now_ns() - start));
      const bool found = std::find(nearest.begin(), nearest.end(), i) != nearest.end();
      first.push_back(nearest.front() == i ? 100 : 0), among.push_back(found ? 100 : 0);
      const std::vector<float> chunk = index_.centered(embed(chunks_[size_t(i)]));
      itself.push_back(index_.nearest(chunk, 1).front() == i ? 100 : 0);
    }
    found_.measured("vector_search", "ns", ns);
    share("chunk_finds_itself", itself);
    share("question_finds_chunk_first", first);
    share("question_finds_chunk_among_8", among);
  }

  /// The mean of hits and misses: the median of 0 and 100 says nothing.
  void share(const std::string& name, const std::vector<double>& hits) {
    found_.measured(name, "percent", hits.empty() ? hits : std::vector<double>{mean(hits)});
  }

  std::string question_of(int64_t i) const {
    return synthetic_question(uint64_t(i), chunks_[size_t(i)], kQuestionWords);
  }

  void answer(const Kind& kind) {
    constexpr int64_t kEnoughNs = 3'000'000'000;
    const int64_t asked = context_.options().max_tokens;
    const int64_t generated = asked ? std::min(asked, kAnswers[1].generated) : kind.generated;
    std::vector<double> assembly, response, whole;
    const int64_t begin = now_ns(), most = quick() ? 1 : std::min<int64_t>(embedded_, 10);
    for (int64_t i = 0; i < most && !interrupted(); ++i) {
      if (!whole.empty() && now_ns() - begin > kEnoughNs) break;
      context_.progress().show(fmt::format("{} answer {}/{}", kind.name, i + 1, most));
      const int64_t start = now_ns();
      const std::vector<int64_t> nearest =
          index_.nearest(index_.centered(embed(question_of(i))), kind.chunks);
      const int64_t found = now_ns();
      const std::vector<int32_t> prompt = assemble(nearest, question_of(i), generated);
      const int64_t assembled = now_ns();
      session_->truncate(0, 0);
      session_->prefill(0, prompt.data(), int64_t(prompt.size()));
      decode_greedily(*session_, generated, limit());
      const int64_t end = now_ns();
      assembly.push_back(double(assembled - found)), response.push_back(double(end - assembled));
      whole.push_back(double(end - start));
    }
    const std::string name = kind.name;
    found_.measured(name + "_assembly", "ns", assembly);
    found_.measured(name + "_response", "ns", response);
    found_.measured(name + "_answer", "ns", whole);
    totals_.insert(totals_.end(), whole.begin(), whole.end());
  }

  /// The found chunks and the question as ids; what has no room is left out at the front.
  std::vector<int32_t> assemble(const std::vector<int64_t>& nearest, const std::string& question,
                                int64_t generated) const {
    std::string text;
    // Random vectors have no text: a real chunk stands for each.
    for (int64_t i : nearest) text += chunks_[size_t(i % embedded_)] + "\n";
    std::vector<int32_t> ids = ids_.encode(text + question);
    const size_t room = size_t(session_->capacity() - generated);
    if (ids.size() > room) ids.erase(ids.begin(), ids.end() - std::ptrdiff_t(room));
    return ids;
  }

  int64_t limit() const {
    return ids_.tokenizer() ? std::min<int64_t>(ids_.tokenizer()->size(), config_.vocab)
                            : config_.vocab;
  }

  void judge() {
    const bool large = config_.parameters() > kLargeModel;
    const std::string said = fmt::format("measured {} of {}, extrapolated", embedded_, kStored);
    if (totals_.empty())
      found_.missing("mean_answer", "ns", "no answer was measured");
    else
      found_.measured("mean_answer", "ns", {mean(totals_)});
    judge_retrieval(found_, large, said);
  }

  void describe() {
    OrderedJson& d = found_.result.details;
    d["note"] =
        "no model here was trained to embed: how often questions find their chunk is said, not "
        "judged";
    d["tokenizer"] = ids_.name();
    d["embedding"] =
        "mean over the tokens of the last layer's hidden state, less the mean of the chunks, unit "
        "length";
    d["chunk_words"] = kChunkWords, d["vectors"] = index_.size(), d["embedded"] = embedded_;
    d["random_vectors"] = index_.size() - embedded_;
    for (const Kind& kind : kAnswers)
      d["answers"][kind.name] = {{"chunks", kind.chunks}, {"generated_tokens", kind.generated}};
    found_.result.interrupted = interrupted();
  }

  SuiteContext& context_;
  const ModelConfig& config_;
  const TextIds ids_;
  Index index_;
  SuiteFindings found_;
  Session* session_ = nullptr;
  std::vector<std::string> chunks_;
  int64_t longest_ = 1, embedded_ = 0;
  bool pooling_ = false;
  std::vector<float> states_;
  std::vector<double> pooled_, totals_;
};

}  // namespace

void judge_retrieval(SuiteFindings& found, bool large_model, const std::string& embedded) {
  found.at_most("embed_1000_chunks", "< 2 s", 2e9);
  found.note(embedded);
  found.at_least("chunks_per_minute", "> 2000 a minute", 2000);
  found.at_most("vector_search", "< 500 ms", 500e6);
  found.at_most("complex_assembly", "< 200 ms", 200e6);
  found.at_most("complex_response", large_model ? "< 8 s" : "< 4 s", large_model ? 8e9 : 4e9);
  for (const Kind& kind : kAnswers)
    found.at_most(std::string(kind.name) + "_answer", fmt::format("< {:.0f} s", kind.limit_s),
                  kind.limit_s * 1e9);
  found.at_most("mean_answer", "< 10 s", 10e9);
  found.at_least("chunk_finds_itself", "100 %: the search is right", 100);
}

SuiteResult retrieval(SuiteContext& context) { return RetrievalSuite(context).run(); }

}  // namespace qwench::bench
