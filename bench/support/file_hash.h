// The fingerprint of a file: that of another program, plug-in or text is another one.
#pragma once
#include <string>
#include <string_view>

namespace qwench::bench {

/// 16 hexadecimal digits that stand for these bytes.
std::string text_hash(std::string_view bytes);

/// The same for the bytes of a file of up to 1 GiB. Error where it cannot be
/// read.
std::string file_hash(const std::string& path);

}  // namespace qwench::bench
