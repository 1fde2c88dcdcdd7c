// A reference that went through a file gives the figures of the rows themselves, or a lower bound;
// a file that was tampered with, or belongs to another text, is refused.
#include "bench/accuracy/reference_file.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <random>

#include "engine/base/check.h"
#include "tests/support/scratch.h"

using namespace qwench;
using namespace qwench::bench;
using test::ScratchFolder;

#define CHECK_REFUSED(expression, words) \
  CHECK_THROWS_WITH_AS((void)(expression), doctest::Contains(words), Error)

namespace {

constexpr int64_t kVocab = 300, kPositions = 5;

std::vector<float> random_row(uint64_t seed, float deviation = 3) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> row(kVocab);
  for (float& v : row) v = normal(random);
  return row;
}

std::vector<float> candidate_of(uint64_t seed, float noise) {
  std::vector<float> row = random_row(seed);
  const std::vector<float> extra = random_row(seed + 1000, noise);
  for (size_t i = 0; i < row.size(); ++i) row[i] += extra[i];
  return row;
}

const std::vector<int32_t> kTokens = {5, 6, 7, 8, 299};

ReferenceMeta meta() {
  ReferenceMeta m;
  m.model = "tiny";
  m.configuration = "base:dtype=f32";
  m.vocab = kVocab;
  m.window = 4;
  m.n_tokens = int64_t(kTokens.size());
  m.positions = kPositions;
  m.token_hash = hash_tokens(kTokens);
  return m;
}

int32_t next_of(int64_t i) { return i == 3 ? kNoNext : int32_t(17 * i); }

std::string write_reference(const ScratchFolder& folder, int64_t k) {
  const std::string path = folder.file(fmt::format("top{}.safetensors", k));
  ReferenceWriter writer(path, meta(), k);
  for (int64_t i = 0; i < kPositions; ++i) writer.add(random_row(uint64_t(i)).data(), next_of(i));
  writer.close();
  return path;
}

/// The tensors of a good file with k = 2 as they may be altered, written back with any metadata.
struct Contents {
  SafetensorsMetadata metadata;
  std::vector<int32_t> top_ids, next_ids;
  std::vector<float> top, tail, next;

  explicit Contents(const std::string& path) {
    ReferenceReader reader(path);
    metadata = SafetensorsFile(path).metadata();
    for (int64_t i = 0; i < kPositions; ++i) {
      const ReferenceRow row = reader.row(i);
      top_ids.insert(top_ids.end(), row.ids, row.ids + row.k);
      top.insert(top.end(), row.logprobs, row.logprobs + row.k);
      tail.push_back(row.tail_logprob);
      next_ids.push_back(row.next);
      next.push_back(row.next_logprob);
    }
  }
  void write(const std::string& path) const {
    const int64_t n = kPositions, k = int64_t(top.size()) / n;
    const std::string header = safetensors_header({{"top_logprobs", DType::kF32, {n, k}},
                                                   {"tail_logprob", DType::kF32, {n}},
                                                   {"next_logprob", DType::kF32, {n}},
                                                   {"next_ids", DType::kI32, {n}},
                                                   {"top_ids", DType::kI32, {n, k}}},
                                                  metadata);
    FileWriter file(path);
    file.write(header.data(), int64_t(header.size()));
    const auto put = [&](const auto& v) { file.write(v.data(), int64_t(v.size()) * 4); };
    put(top);
    put(tail);
    put(next);
    put(next_ids);
    put(top_ids);
    file.close();
  }
};

void read_all(const std::string& path) {
  ReferenceReader reader(path);
  for (int64_t i = 0; i < reader.meta().positions; ++i) reader.row(i);
}

}  // namespace

TEST_CASE("with every token stored the KL is exact, with fewer it is a lower bound") {
  const ScratchFolder folder;
  for (const float noise : {1.0f, 0.1f, 1e-3f}) {
    CAPTURE(noise);
    std::vector<double> of_k;
    for (const int64_t k : {int64_t(1), int64_t(8), int64_t(64), kVocab}) {
      CAPTURE(k);
      ReferenceReader reader(write_reference(folder, k));
      CHECK(reader.k() == k);
      double sum = 0;
      for (int64_t i = 0; i < kPositions; ++i) {
        const std::vector<float> a = random_row(uint64_t(i)), b = candidate_of(uint64_t(i), noise);
        const PositionDivergence exact = compare_rows(a.data(), b.data(), kVocab, next_of(i));
        const PositionDivergence got = compare_to_row(reader.row(i), b.data(), kVocab);
        CHECK(got.kl >= 0);
        CHECK(got.kl <= exact.kl * 1.001 + 1e-12);
        if (k == kVocab) CHECK(got.kl == doctest::Approx(exact.kl).epsilon(1e-3));
        if (k == kVocab && noise > 0.01f) CHECK(got.kl == doctest::Approx(exact.kl).epsilon(1e-5));
        CHECK(got.kl == kl_lower_bound(reader.row(i), b.data(), kVocab));
        CHECK(got.same_top1 == exact.same_top1);
        CHECK(got.scored == exact.scored);
        CHECK(got.nll_reference == doctest::Approx(exact.nll_reference).epsilon(1e-6));
        CHECK(got.nll_candidate == doctest::Approx(exact.nll_candidate).epsilon(1e-12));
        CHECK(got.delta_p == doctest::Approx(exact.delta_p).epsilon(1e-4));
        sum += got.kl;
      }
      of_k.push_back(sum);
    }
    for (size_t i = 1; i < of_k.size(); ++i) CHECK(of_k[i] > of_k[i - 1]);  // more is known
    CHECK(of_k[2] < of_k[3]);
  }
}

TEST_CASE("everything outside the top k counts as one outcome, worked out by hand") {
  // p = (1/2, 1/4, 1/4), top 1 kept: (1/2, 1/2). q = (1/4, 1/4, 1/2): (1/4, 3/4).
  const ScratchFolder folder;
  ReferenceMeta m = meta();
  m.vocab = 3;
  m.positions = 1;
  ReferenceWriter writer(folder.file("r.safetensors"), m, 1);
  const float log2 = std::log(2.0f);
  const float reference[] = {log2, 0, 0}, candidate[] = {0, 0, log2};
  writer.add(reference, 2);
  writer.close();
  ReferenceReader reader(folder.file("r.safetensors"));
  const PositionDivergence d = compare_to_row(reader.row(0), candidate, 3);
  CHECK(d.kl == doctest::Approx(std::log(2.0) - std::log(3.0) / 2).epsilon(1e-6));
  CHECK(compare_rows(reference, candidate, 3, 2).kl ==
        doctest::Approx(std::log(2.0) / 4).epsilon(1e-6));  // over the vocabulary: more
  CHECK_FALSE(d.same_top1);
  CHECK(d.delta_p == doctest::Approx(0.25));
}

TEST_CASE("a candidate equal to the reference has a KL below what f32 can leave") {
  const ScratchFolder folder;
  ReferenceReader reader(write_reference(folder, 64));
  for (int64_t i = 0; i < kPositions; ++i)
    CHECK(kl_lower_bound(reader.row(i), random_row(uint64_t(i)).data(), kVocab) < 1e-12);
}

TEST_CASE("extreme logits go through the file") {
  const ScratchFolder folder;
  const std::string path = folder.file("r.safetensors");
  ReferenceMeta m = meta();
  m.positions = 1;
  std::vector<float> row = random_row(1, 1e4f);
  ReferenceWriter writer(path, m, 4);
  writer.add(row.data(), 9);
  writer.close();
  ReferenceReader reader(path);
  const double kl = kl_lower_bound(reader.row(0), random_row(2, 1e4f).data(), kVocab);
  CHECK(std::isfinite(kl));
  CHECK(kl > 100);
  CHECK(kl_lower_bound(reader.row(0), row.data(), kVocab) < 1e-12);
  row[3] = std::nanf("");
  CHECK_REFUSED(kl_lower_bound(reader.row(0), row.data(), kVocab), "got nan for token 3");
}

TEST_CASE("what the file says of its origin comes back, and another text is refused") {
  const ScratchFolder folder;
  const ReferenceReader reader(write_reference(folder, 8));
  CHECK(reader.meta().model == "tiny");
  CHECK(reader.meta().configuration == "base:dtype=f32");
  CHECK(reader.meta().window == 4);
  CHECK(reader.meta().positions == kPositions);
  CHECK_NOTHROW(reader.require_same_text(kTokens, 4, kVocab));
  CHECK_REFUSED(reader.require_same_text({5, 6, 7, 8, 298}, 4, kVocab), "hash");
  CHECK_REFUSED(reader.require_same_text({5, 6, 7, 8}, 4, kVocab), "number of tokens 4");
  CHECK_REFUSED(reader.require_same_text(kTokens, 5, kVocab), "window 5");
  CHECK_REFUSED(reader.require_same_text(kTokens, 4, kVocab + 1), "vocabulary 301");
}

TEST_CASE("nothing is left under the name before close, nor after a refused row") {
  const ScratchFolder folder;
  const std::string path = folder.file("r.safetensors");
  {
    ReferenceWriter writer(path, meta(), 8);
    std::vector<float> row = random_row(1);
    writer.add(row.data(), 0);
    CHECK_FALSE(std::filesystem::exists(path));
    row[299] = INFINITY;
    CHECK_REFUSED(writer.add(row.data(), 0), "got inf for token 299");
  }
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("tampered rows are refused by name and position") {
  const ScratchFolder folder;
  const Contents good(write_reference(folder, 2));
  const std::string path = folder.file("bad.safetensors");
  const auto refused = [&](const std::function<void(Contents&)>& damage, const char* words) {
    Contents bad = good;
    damage(bad);
    bad.write(path);
    CHECK_REFUSED(read_all(path), words);
  };
  good.write(path);
  CHECK_NOTHROW(read_all(path));
  refused([](Contents& c) { std::swap(c.top[4], c.top[5]); }, "do not ascend");
  refused([](Contents& c) { c.top[4] = std::nanf(""); }, "top_logprobs");
  refused([](Contents& c) { c.top[4] = 0.5f; }, "at [2, 0]");
  refused([](Contents& c) { c.top[5] = -INFINITY; }, "top_logprobs");
  refused([](Contents& c) { c.tail[1] = 0; }, "position 1: expected probabilities that add up");
  refused([](Contents& c) { c.tail[1] = -50; }, "add up to 1");
  refused([](Contents& c) { c.tail[1] = std::nanf(""); }, "tail_logprob");
  refused([](Contents& c) { c.tail[1] = -INFINITY; }, "only when every token is stored");
  refused([](Contents& c) { c.top_ids[0] = -1; }, "from 0 to 299, got -1");
  refused([](Contents& c) { c.top_ids[3] = 300; }, "got 300 at position 1");
  refused([](Contents& c) { c.top_ids[0] = c.top_ids[1]; }, "twice at position 0");
  refused([](Contents& c) { c.next_ids[4] = 300; }, "next_ids");
  refused([](Contents& c) { c.next[4] = 0.1f; }, "next_logprob");
  refused([](Contents& c) { c.next[4] = std::nanf(""); }, "next_logprob");
  refused([](Contents& c) { c.next[4] = c.top[8]; }, "at most");  // outside, yet above the k-th
  refused([](Contents& c) { c.next_ids[2] = c.top_ids[4]; }, "as in top_logprobs");
}

TEST_CASE("wrong metadata, types and shapes are refused when the file is opened") {
  const ScratchFolder folder;
  const Contents good(write_reference(folder, 2));
  const std::string path = folder.file("bad.safetensors");
  const auto refused = [&](const char* key, const char* value, const char* words) {
    Contents bad = good;
    if (value)
      bad.metadata[key] = value;
    else
      bad.metadata.erase(key);
    bad.write(path);
    CHECK_REFUSED(ReferenceReader{path}, words);
  };
  refused("format", "pt", "expected format");
  refused("version", "2", "version '2'");
  refused("positions", nullptr, "metadata 'positions' is missing");
  refused("positions", "6", "[6, 2]");
  refused("positions", "0", "at least 1");
  refused("positions", "-5", "expected a number");
  refused("vocab", "99999999999999999999", "expected a number");
  refused("vocab", "1", "top_ids");
  refused("token_hash", "xyz", "expected a number");
  refused("token_hash", "1ffffffffffffffff", "expected a number");
  const float one = 1;
  write_safetensors(path, {{{"logits", DType::kF32, {1}}, &one}});
  CHECK_REFUSED(ReferenceReader{path}, "not written by --dump");
  const std::string whole = read_file(write_reference(folder, 2), 1 << 20);
  CHECK_REFUSED(ReferenceReader{folder.write("cut", whole.substr(0, whole.size() - 1))},
                "the file is truncated");
}
