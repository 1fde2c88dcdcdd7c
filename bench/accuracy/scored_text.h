// A text as perplexity sees it: the ids of the whole file in consecutive windows, and which
// document every id belongs to.
#pragma once
#include <string>
#include <vector>

#include "engine/text/tokenizer.h"

namespace qwench::bench {

struct Window {
  int64_t first = 0, count = 0;  // ids
};

struct ScoredText {
  std::string path;
  std::vector<int32_t> ids;
  std::vector<Window> windows;    // those with something to score; the last may be shorter
  std::vector<int64_t> document;  // of each id, ascending from 0
  int64_t n_documents = 0;        // that hold a scored token
  int64_t n_scored = 0;           // the first id of each window is not

  /// The clusters of the bootstrap are documents; windows where there is one document only.
  bool by_document() const { return n_documents > 1; }
  /// The first id of each document.
  std::vector<int64_t> document_starts() const;
};

struct ScoredTextArgs {
  int64_t window = 512;    // >= 2
  int64_t max_tokens = 0;  // 0: all
  int64_t vocab = 0;
};

/// Ids of the whole text, nothing added. A document ends with a blank line (only blanks and tabs);
/// an id belongs to the document that its first byte is in. Error when the file gives fewer than
/// two ids, UsageError when an id is not in the vocabulary.
ScoredText read_scored_text(const std::string& path, const Tokenizer& tokenizer,
                            const ScoredTextArgs& args);

}  // namespace qwench::bench
