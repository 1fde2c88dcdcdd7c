// What this command puts into a folder, by name: whatever else is in one is somebody's own, and stays.
#pragma once
#include <string>
#include <vector>

namespace qwench::bench {

/// What a folder needs beside weights and config.json to tokenize, chat and sample.
const std::vector<std::string>& text_file_names();

/// The names in a folder that the command never writes, sorted; of all writing that ended early too.
std::vector<std::string> foreign_files(const std::string& folder);

/// "a, b, c and 4 more".
std::string some_of(const std::vector<std::string>& names);

}  // namespace qwench::bench
