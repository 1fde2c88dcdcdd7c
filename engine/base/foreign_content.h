// What a file is that was to be something else: a download that went wrong leaves a pointer, a page or
// an error text under the right name. Judged by the first bytes alone.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace qwench {

class File;

enum class Expected { kText, kBinary };

/// What the bytes are the start of, and what to do, for the end of a message ("got ..."): a Git LFS
/// pointer, a web page, an archive, only zeros; where binary was expected also any text. "" when they
/// are none of these.
std::string foreign_content(std::string_view first_bytes, Expected expected);

/// Error "<file>: expected <what>, got <a Git LFS pointer ...>" where a binary file is of another kind.
void refuse_foreign(const File& file, std::string_view what);

}  // namespace qwench
