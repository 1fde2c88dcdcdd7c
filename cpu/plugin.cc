// Loading, and checking what a library says of itself.
#include "cpu/plugin.h"

#include <dlfcn.h>

#include <algorithm>
#include <cfenv>
#include <cstring>
#include <deque>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>

#include "cpu/ops.h"
#include "cpu/plugin_guard.h"
#include "engine/backend/kernel.h"
#include "engine/base/check.h"
#include "engine/base/json.h"

namespace qwench::cpu {

namespace {

using Entry = const QwenchPlugin* (*)();
constexpr char kEntry[] = "qwench_plugin";
constexpr size_t kLongestName = 64;
constexpr int32_t kMostKernels = 256;
constexpr std::string_view kNameLetters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";

static_assert(int(InputPrecision::kF32) == QWENCH_INPUTS_F32 &&
              int(InputPrecision::kBF16) == QWENCH_INPUTS_BF16 &&
              int(InputPrecision::kInt8) == QWENCH_INPUTS_INT8 &&
              int(InputPrecision::kInt7) == QWENCH_INPUTS_INT7);

void* open_library(const std::string& path) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    fail("plug-in {}: expected a shared library, found something that is no file", path);
  // Without a slash the name would be looked up in the system's folders.
  const std::string at = path.find('/') == std::string::npos ? "./" + path : path;
  // One built with -ffast-math turns denormal numbers off on the thread that loads it.
  std::fenv_t arithmetic;
  std::fegetenv(&arithmetic);
  void* library = dlopen(at.c_str(), RTLD_NOW | RTLD_LOCAL);
  std::fesetenv(&arithmetic);
  if (!library) fail("plug-in {}: {}", path, dlerror());
  return library;
}

/// The text itself, when it can be a name in reports and in --kernel op=name.
std::string_view checked_name(const char* text, const std::string& what) {
  if (!text) fail("{}: expected a text, got a null pointer", what);
  const std::string_view name(text, strnlen(text, kLongestName + 1));
  if (name.empty() || name.size() > kLongestName ||
      name.find_first_not_of(kNameLetters) != name.npos)
    fail("{}: expected 1 to {} letters, digits and any of . _ + -, got {}", what, kLongestName,
         in_quotes(std::string(name)));
  return name;
}

OpId checked_op(const char* text, const std::string& what) {
  const std::string_view name = checked_name(text, what + ".op");
  std::vector<std::string_view> known;  // those that a plug-in can have
  for_each_op([&](auto tag) {
    if (cpu_op<typename decltype(tag)::type>().to_c) known.push_back(decltype(tag)::type::kName);
  });
  if (std::find(known.begin(), known.end(), name) == known.end())
    fail("{}.op: expected one of {}, got '{}'", what, fmt::join(known, ", "), name);
  return OpId(std::find(kOpNames.begin(), kOpNames.end(), name) - kOpNames.begin());
}

PluginKernel checked_kernel(const QwenchKernel& k, const std::string& what) {
  PluginKernel kernel;
  kernel.op = checked_op(k.op, what);
  kernel.name = checked_name(k.name, what + ".name");
  if (kernel.name == "reference" || kernel.name == "composed")
    fail("{}.name: expected a name of its own, got '{}'", what, kernel.name);
  if (!k.unsupported || !k.run)
    fail("{} ({}={}): expected functions unsupported and run, got a null pointer", what,
         name_of(kernel.op), kernel.name);
  if ((k.invariant != 0 && k.invariant != 1) || k.inputs < QWENCH_INPUTS_F32 ||
      k.inputs > QWENCH_INPUTS_INT7)
    fail("{} ({}={}): expected invariant 0 or 1 and inputs {} to {}, got {} and {}", what,
         name_of(kernel.op), kernel.name, int(QWENCH_INPUTS_F32), int(QWENCH_INPUTS_INT7),
         k.invariant, k.inputs);
  constexpr int32_t kAllOptions = (1 << kOptionMissing.size()) - 1;
  if (k.options & ~kAllOptions)
    fail("{} ({}={}): expected options of QWENCH_OPTION_..., together {} at most, got {}", what,
         name_of(kernel.op), kernel.name, kAllOptions, k.options);
  kernel.functions = k;
  return kernel;
}

/// What the library answers, its version of the interface checked before anything else is believed.
const QwenchPlugin& ask(void* library, const std::string& path) {
  const auto entry = reinterpret_cast<Entry>(dlsym(library, kEntry));
  if (!entry)
    fail(
        "plug-in {}: expected a function {}, found none; define it as engine/backend/plugin.h "
        "declares it",
        path, kEntry);
  const QwenchPlugin* answer = nullptr;
  try {
    answer = entry();
  } catch (const std::exception& thrown) {
    fail("plug-in {}: {} threw a C++ exception ({}); none may leave its functions", path, kEntry,
         thrown.what());
  } catch (...) {
    fail("plug-in {}: {} threw a C++ exception; none may leave its functions", path, kEntry);
  }
  if (!answer) fail("plug-in {}: expected an answer of {}, got a null pointer", path, kEntry);
  if (answer->abi != QWENCH_PLUGIN_ABI)
    fail(
        "plug-in {}: expected version {} of the interface, got {}; build it with this "
        "engine/backend/plugin.h",
        path, QWENCH_PLUGIN_ABI, answer->abi);
  if (answer->minor < 0 || answer->minor > QWENCH_PLUGIN_MINOR)
    fail(
        "plug-in {}: expected version {}.0 to {}.{} of the interface, got {}.{}; build it with "
        "this "
        "engine/backend/plugin.h",
        path, QWENCH_PLUGIN_ABI, QWENCH_PLUGIN_ABI, QWENCH_PLUGIN_MINOR, answer->abi,
        answer->minor);
  return *answer;
}

std::unique_ptr<Plugin> read_plugin(void* library, const std::string& path) {
  const QwenchPlugin& answer = ask(library, path);
  const std::string where = "plug-in " + path;
  auto plugin = std::make_unique<Plugin>();
  plugin->path = path;
  plugin->label = fmt::format("{} {}", checked_name(answer.name, where + ": name"),
                              checked_name(answer.version, where + ": version"));
  if (!answer.kernels || answer.n_kernels < 1 || answer.n_kernels > kMostKernels)
    fail("{}: expected 1 to {} kernels, got {}", where, kMostKernels,
         answer.kernels ? fmt::format("{}", answer.n_kernels) : "a null pointer");
  for (int32_t i = 0; i < answer.n_kernels; ++i) {
    plugin->kernels.push_back(
        checked_kernel(answer.kernels[i], fmt::format("{}: kernels[{}]", where, i)));
    PluginKernel& kernel = plugin->kernels.back();
    if (kernel.op == id_of<ArgmaxArgs>() && answer.minor < 1)
      fail(
          "{}: kernels[{}]: argmax counts non-finite logits since version 2.1 of the interface, "
          "got "
          "one of 2.0; build it with this engine/backend/plugin.h",
          where, i);
    kernel.plugin = plugin.get();
    kernel.who = fmt::format("plug-in {} ({}): kernel {} of {}", plugin->label, path, kernel.name,
                             name_of(kernel.op));
  }
  return plugin;
}

}  // namespace

const Plugin& load_plugin(const std::string& path) {
  // Never unloaded: reports name its kernels after the last backend is gone, and it may have threads.
  static std::mutex mutex;
  static std::map<void*, std::unique_ptr<Plugin>> loaded;
  static std::deque<std::string> who;  // what a crash is laid to, read until the program ends
  const std::lock_guard<std::mutex> lock(mutex);
  guard_against_plugins();
  const PluginCall guard(who.emplace_back("plug-in " + path + ", while it was loaded").c_str(), 0);
  void* library = open_library(path);
  std::unique_ptr<Plugin>& plugin = loaded[library];
  if (!plugin) plugin = read_plugin(library, path);
  return *plugin;
}

}  // namespace qwench::cpu
