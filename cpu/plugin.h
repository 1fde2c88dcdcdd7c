// A plug-in: a shared library of kernels behind the C interface of engine/backend/plugin.h. What it registers is
// checked when it is loaded; from then on it is trusted like code of our own, and blamed by name for what
// goes wrong while it runs (plugin_guard.h).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "engine/backend/plugin.h"
#include "engine/ops/ops.h"

namespace qwench::cpu {

struct Plugin;

struct PluginKernel {
  const Plugin* plugin = nullptr;
  OpId op{};
  std::string_view name;
  QwenchKernel functions{};
  std::string
      who;  // "plug-in example 1.0 (a.so): kernel own of add": begins every message about it
};

struct Plugin {
  std::string path, label;  // as given; name and version, "example 1.0"
  std::vector<PluginKernel> kernels;
};

/// Loads a library, or finds it among those that are loaded; it stays until the program ends. Error that
/// says what is wrong with the file or with what it registers.
const Plugin& load_plugin(const std::string& path);

}  // namespace qwench::cpu
