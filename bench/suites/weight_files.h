// The files that hold a model's weights, the device that they lie on, and how they are read: from the
// page cache, or from the device after the cache has let go of them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/file.h"
#include "engine/base/json.h"

namespace qwench::bench {

/// The weight files of a folder, of a GGUF file or of the first shard of a split one; empty for the name
/// of a shape card. Error where a file cannot be opened.
std::vector<File> open_weight_files(const std::string& model);

/// {"file_system", "device", "device_model", "rotational"} of the file; null where it is not known.
OrderedJson storage_device(const std::string& path);

/// Part of the file that is in the page cache, 0 to 1; nothing where the system does not tell.
std::optional<double> cached_part(const File& file);

/// Asks the system to forget the files' pages; "" when it did, else why it did not.
std::string drop_from_cache(const std::vector<File>& files);

/// Bytes and the time that reading them took.
struct Reading {
  int64_t bytes = 0;
  double seconds = 0;
};

/// The first `most` bytes of the files in order, 1 MiB at a time.
Reading read_sequentially(const std::vector<File>& files, int64_t most);

/// Seconds of each read of `block` bytes at places that follow no order, no place twice: `n` at most,
/// for `most_seconds` at most. Empty where every file is smaller than a block.
std::vector<double> read_randomly(const std::vector<File>& files, int64_t block, int64_t n,
                                  double most_seconds);

}  // namespace qwench::bench
