// Signatures of what lies under a wrong name.
#include "engine/base/foreign_content.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "engine/base/check.h"
#include "engine/base/file.h"
#include "engine/base/json.h"

namespace qwench {
namespace {

constexpr size_t kLooked = 256;

bool starts(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

/// The text without white space and byte order mark at its start, in lower case.
std::string normalised(std::string_view text) {
  if (starts(text, "\xef\xbb\xbf")) text.remove_prefix(3);
  const size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  std::string out(text.substr(begin));
  for (char& c : out) c = char(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// Printable ASCII, of a length that no binary start of such bytes has by chance.
bool is_text(std::string_view bytes) {
  return bytes.size() >= 8 && std::all_of(bytes.begin(), bytes.end(), [](char c) {
           return c >= 0x20 ? c < 0x7f : c == '\t' || c == '\r' || c == '\n';
         });
}

}  // namespace

std::string foreign_content(std::string_view first_bytes, Expected expected) {
  const std::string_view bytes = first_bytes.substr(0, kLooked);
  const std::string text = normalised(bytes);
  if (starts(text, "version https://git-lfs.github.com/spec/"))
    return "a Git LFS pointer that stands for the file; run `git lfs pull` where it was cloned";
  for (const char* page : {"<!doctype", "<html", "<head", "<?xml", "<error"})
    if (starts(text, page))
      return "a web page or an error in XML, not the file; download it again, from the address of "
             "the file itself";
  if (starts(bytes, "PK\x03\x04")) return "a zip archive (PyTorch's own format is one)";
  if (starts(bytes, "\x1f\x8b")) return "a gzip archive; unpack it";
  if (bytes.size() >= 64 && bytes.find_first_not_of('\0') == bytes.npos)
    return "only zeros at its start: a download that did not finish; download it again";
  if (expected == Expected::kText) return starts(bytes, "GGUF") ? "a GGUF file" : "";
  if (!is_text(bytes)) return "";
  return "the text " + in_quotes(bytes.substr(0, bytes.find_first_of("\r\n"))) +
         "; download the file again";
}

void refuse_foreign(const File& file, std::string_view what) {
  std::array<char, kLooked> first;
  const int64_t n = std::min(file.size(), int64_t(first.size()));
  file.read_at(0, n, first.data());
  const std::string foreign = foreign_content({first.data(), size_t(n)}, Expected::kBinary);
  if (!foreign.empty()) fail("{}: expected {}, got {}", file.path(), what, foreign);
}

}  // namespace qwench
