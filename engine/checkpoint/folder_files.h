// Which files of a model folder hold its weights, and what the folder holds instead where there are none.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace qwench {

/// Names of what is in a folder, sorted; none where it cannot be read.
std::vector<std::string> names_in(const std::string& folder);

struct FolderFiles {
  std::vector<std::string> names;            // of safetensors files, without folder
  std::map<std::string, std::string> index;  // tensor -> file, as the index says; empty without one
  std::string index_file;                    // its path
  double total_size = -1;                    // of all data, as the index says; -1 where it does not
};

/// model.safetensors; the shards that model.safetensors.index.json names; without an index numbered
/// shards (NAME-00001-of-00003.safetensors) when all are there; the one file of an older GPTQ folder.
/// Error saying what is there instead when it is none of these. Notes are for a person.
FolderFiles find_folder_files(const std::string& folder, std::vector<std::string>& notes);

/// Of a folder with GGUF files the one to open: its only one, or the first of one set of shards; vision
/// parts (mmproj) aside. "" when there is none; Error naming them when there are several.
std::string gguf_in_folder(const std::string& folder);

/// What a folder without a model holds, and what to do about it, for the end of a message.
std::string describe_folder(const std::string& folder);

}  // namespace qwench
