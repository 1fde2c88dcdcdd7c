// Folders in which models lie by name, so that `-m qwench-tiny` works from anywhere.
#pragma once
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace qwench {

/// The file of this program; empty where the system does not say.
std::filesystem::path program_file();

/// $QWENCH_MODELS alone where it is set, so that it can also hide the others; else ./models, the folder that
/// `install` fills beside this program, and the source tree that it was built from.
std::vector<std::string> model_places();

/// The model that one of the places has under this name, a folder or a GGUF file; "" when none has.
std::string model_in_places(const std::string& name);

/// Name and path of every model in the places; of equal names the first. A folder that holds several models is
/// left out: it is refused when it is asked for by name.
std::vector<std::pair<std::string, std::string>> models_in_places();

}  // namespace qwench
