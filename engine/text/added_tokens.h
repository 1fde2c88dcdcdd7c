// Tokens that are found in the text before anything else looks at it: leftmost, then longest.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace qwench {

struct AddedToken {
  int32_t id = 0;
  std::string content;      // not empty, UTF-8
  bool special = true;      // left out of plain text
  bool normalized = false;  // looked for after NFC instead of before
};

/// A set of added tokens as a byte trie. The search is linear in the text times the longest token,
/// which the loaders cap at kMaxAddedTokenBytes.
class AddedTokenTrie {
 public:
  AddedTokenTrie();
  void insert(std::string_view content, int32_t id);
  bool empty() const { return nodes_.size() == 1; }

  struct Match {
    size_t begin, end;
    int32_t id;
  };
  /// The first match that begins at or after `from`, the longest one of those that begin there.
  std::optional<Match> find(std::string_view text, size_t from) const;

 private:
  int32_t child(int32_t node, uint8_t byte) const;

  std::vector<int32_t> nodes_;                      // node -> token id that ends here, or -1
  std::unordered_map<uint64_t, int32_t> children_;  // node << 8 | byte -> node
  std::array<bool, 256> starts_{};  // bytes that a token begins with: skips most text
};

constexpr size_t kMaxAddedTokenBytes = 512;

/// The tokens that begin and end turns and texts. They are control tokens whatever a file calls them:
/// some conversions list them among the words.
bool is_control_name(std::string_view content);

}  // namespace qwench
