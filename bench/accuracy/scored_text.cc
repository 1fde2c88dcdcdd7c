// Documents are found in the bytes of the tokens, not of the file: a tokenizer may normalise what
// it reads, and then only its own bytes can be counted.
#include "bench/accuracy/scored_text.h"

#include <algorithm>

#include "bench/model/model_options.h"
#include "engine/base/file.h"
#include "engine/text/utf8.h"

namespace qwench::bench {

namespace {

constexpr int64_t kMostTextBytes = int64_t(256) << 20;

/// Offsets at which documents begin: the first line with something on it after blank ones.
std::vector<size_t> document_offsets(const std::string& bytes) {
  std::vector<size_t> starts;
  bool after_blank = true;
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t end = std::min(bytes.find('\n', begin), bytes.size());
    const bool blank = bytes.find_first_not_of(" \t\r", begin) >= end;
    if (!blank && after_blank) starts.push_back(begin);
    after_blank = blank;
    begin = end + 1;
  }
  return starts;
}

/// The document of each id: the last that begins at or before the id's first byte.
std::vector<int64_t> documents_of(const std::vector<int32_t>& ids, const Tokenizer& tokenizer) {
  std::string bytes;
  std::vector<size_t> offsets;
  for (int32_t id : ids) {
    offsets.push_back(bytes.size());
    bytes += tokenizer.token_bytes(id);
  }
  const std::vector<size_t> starts = document_offsets(bytes);
  std::vector<int64_t> documents;
  for (size_t offset : offsets) {
    const auto after = std::upper_bound(starts.begin(), starts.end(), offset);
    documents.push_back(std::max<int64_t>(0, after - starts.begin() - 1));
  }
  return documents;
}

void cut_windows(ScoredText& text, int64_t window) {
  const int64_t n = int64_t(text.ids.size());
  int64_t last_document = -1;
  for (int64_t first = 0; first + 1 < n; first += window) {
    const int64_t count = std::min(window, n - first);
    if (count < 2) break;
    text.windows.push_back({first, count});
    text.n_scored += count - 1;
    for (int64_t i = first + 1; i < first + count; ++i) {
      text.n_documents += text.document[size_t(i)] != last_document;
      last_document = text.document[size_t(i)];
    }
  }
}

}  // namespace

std::vector<int64_t> ScoredText::document_starts() const {
  std::vector<int64_t> starts;
  for (size_t i = 0; i < document.size(); ++i)
    if (i == 0 || document[i] != document[i - 1]) starts.push_back(int64_t(i));
  return starts;
}

ScoredText read_scored_text(const std::string& path, const Tokenizer& tokenizer,
                            const ScoredTextArgs& args) {
  ScoredText text;
  text.path = path;
  text.ids = tokenizer.encode_framed(text_of_file(read_file(path, kMostTextBytes), path));
  if (args.max_tokens && int64_t(text.ids.size()) > args.max_tokens)
    text.ids.resize(size_t(args.max_tokens));
  if (text.ids.size() < 2)
    fail("text: expected at least 2 tokens (the first of a window is not scored), got {} ({}{})",
         text.ids.size(), path, args.max_tokens == 1 ? ", --max-tokens 1" : "");
  check_token_ids(text.ids, args.vocab);
  text.document = documents_of(text.ids, tokenizer);
  cut_windows(text, args.window);
  return text;
}

}  // namespace qwench::bench
