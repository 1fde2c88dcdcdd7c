// A trie with one hash table of edges: small (some hundred nodes) and only asked where a token's
// first byte stands in the text.
#include "engine/text/added_tokens.h"

#include "engine/base/check.h"
#include "engine/text/tokenizer.h"

namespace qwench {

AddedTokenTrie::AddedTokenTrie() : nodes_{-1} {}

int32_t AddedTokenTrie::child(int32_t node, uint8_t byte) const {
  const auto found = children_.find(uint64_t(node) << 8 | byte);
  return found == children_.end() ? -1 : found->second;
}

void AddedTokenTrie::insert(std::string_view content, int32_t id) {
  QWENCH_CHECK(!content.empty() && id >= 0);
  starts_[uint8_t(content[0])] = true;
  int32_t node = 0;
  for (const char c : content) {
    int32_t next = child(node, uint8_t(c));
    if (next < 0) {
      next = int32_t(nodes_.size());
      nodes_.push_back(-1);
      children_.emplace(uint64_t(node) << 8 | uint8_t(c), next);
    }
    node = next;
  }
  nodes_[size_t(node)] = id;
}

bool is_control_name(std::string_view content) {
  return content == kTurnStart || content == kTurnEnd || content == kTextEnd;
}

std::optional<AddedTokenTrie::Match> AddedTokenTrie::find(std::string_view text,
                                                          size_t from) const {
  if (empty()) return std::nullopt;
  for (size_t begin = from; begin < text.size(); ++begin) {
    if (!starts_[uint8_t(text[begin])]) continue;
    std::optional<Match> longest;
    int32_t node = 0;
    for (size_t at = begin; at < text.size(); ++at) {
      node = child(node, uint8_t(text[at]));
      if (node < 0) break;
      if (nodes_[size_t(node)] >= 0) longest = Match{begin, at + 1, nodes_[size_t(node)]};
    }
    if (longest) return longest;
  }
  return std::nullopt;
}

}  // namespace qwench
