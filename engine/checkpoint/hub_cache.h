// The models that Hugging Face's own programs downloaded to this machine. Nothing is fetched here.
#pragma once
#include <string>
#include <string_view>

namespace qwench {

/// True for "owner/name" as Hugging Face writes the ids of models.
bool is_hub_id(std::string_view name);

/// The cache's folder: $HF_HUB_CACHE, else hub/ in $HF_HOME, else huggingface/hub/ in $XDG_CACHE_HOME or
/// ~/.cache.
std::string hub_cache_folder();

/// The files of a model in the cache; "" when it is not there. Errors as snapshot_in(). Contract:
/// is_hub_id(id).
std::string hub_snapshot(const std::string& id);

/// The files of one entry of the cache ("models--Qwen--Qwen3-0.6B"): of the revision that refs/main
/// names, else of its only one; "" when the folder is no such entry. Error when there are several.
std::string snapshot_in(const std::string& entry);

}  // namespace qwench
