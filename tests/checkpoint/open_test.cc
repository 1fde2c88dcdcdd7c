// What a name on the command line leads to: paths, models by name, ids in Hugging Face's cache, and what is
// said of names that lead nowhere.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "engine/base/check.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/hub_cache.h"
#include "engine/checkpoint/model_places.h"
#include "tests/checkpoint/gguf_bytes.h"
#include "tests/support/scratch.h"
#include "tests/support/test_model.h"

using namespace qwench;
using namespace qwench::test;
namespace fs = std::filesystem;

#define CHECK_REFUSED(expression, words) \
  CHECK_THROWS_WITH_AS((void)(expression), doctest::Contains(words), Error)

namespace {

/// A variable of the environment, as it was again when the test ends.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (old_)
      setenv(name_, old_->c_str(), 1);
    else
      unsetenv(name_);
  }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

const std::string kModel = data_folder("text/qwen3-tied-bf16");

/// A cache that holds Qwen/Qwen3-Tiny at one revision, as Hugging Face's programs lay it out.
class Cache : public ScratchFolder {
 public:
  Cache() {
    write("models--Qwen--Qwen3-Tiny/refs/main", "0123abcd");
    for (const char* name : {"config.json", "model.safetensors"}) {
      fs::create_directories(snapshot());
      fs::create_directories(entry() + "/blobs");
      fs::copy_file(kModel + "/" + name, entry() + "/blobs/" + name);
      fs::create_symlink(std::string("../../blobs/") + name, snapshot() + "/" + name);
    }
  }
  std::string entry() const { return file("models--Qwen--Qwen3-Tiny"); }
  std::string snapshot(const std::string& revision = "0123abcd") const {
    return entry() + "/snapshots/" + revision;
  }
};

}  // namespace

TEST_CASE("ids of Hugging Face are told from paths, and none leads out of a folder") {
  for (const char* id : {"Qwen/Qwen3-0.6B", "unsloth/Qwen2.5-7B-Instruct", "a/b", "a_b/c.d"})
    CHECK(is_hub_id(id));
  for (const char* other :
       {"",     "/",      "a",    "a/",   "/b",    "a/b/c",  "../b",  "a/..", "./b", "a/.b",
        "a//b", "a/b--c", "a/-b", "a/b.", "a b/c", "a/b\\c", "a/b\n", "~/b",  "..",  "a/b..c"})
    CHECK_FALSE(is_hub_id(other));
}

TEST_CASE("the cache is where Hugging Face's own programs have it") {
  const Variable cache("HF_HUB_CACHE", ""), old("HUGGINGFACE_HUB_CACHE", ""), hf("HF_HOME", ""),
      xdg("XDG_CACHE_HOME", ""), home("HOME", "/home/me");
  CHECK(hub_cache_folder() == "/home/me/.cache/huggingface/hub");
  const Variable xdg_set("XDG_CACHE_HOME", "/x");
  CHECK(hub_cache_folder() == "/x/huggingface/hub");
  const Variable hf_set("HF_HOME", "~/hf");
  CHECK(hub_cache_folder() == "/home/me/hf/hub");
  const Variable old_set("HUGGINGFACE_HUB_CACHE", "/old");
  CHECK(hub_cache_folder() == "/old");
  const Variable set("HF_HUB_CACHE", "/hub");
  CHECK(hub_cache_folder() == "/hub");
}

TEST_CASE("an id opens its snapshot in the cache, as does the path of the entry") {
  const Cache cache;
  const Variable where("HF_HUB_CACHE", cache.path());
  CHECK(model_source("Qwen/Qwen3-Tiny") == cache.snapshot());
  CHECK(open_checkpoint("Qwen/Qwen3-Tiny", {})->config().dim == 64);
  CHECK(model_source(cache.entry()) == cache.snapshot());
  fs::remove_all(cache.entry() + "/refs");  // the only revision, then
  CHECK(model_source("Qwen/Qwen3-Tiny") == cache.snapshot());
  fs::create_directory(cache.snapshot("4567"));
  CHECK_REFUSED(model_source("Qwen/Qwen3-Tiny"), "expected one revision or refs/main to name one");
  for (const char* hostile : {"../../../etc", "/etc", "..", "a/b", "", "a\nb"}) {
    cache.write("models--Qwen--Qwen3-Tiny/refs/main", hostile);
    CHECK_REFUSED(model_source("Qwen/Qwen3-Tiny"), "refs/main: expected the name of a revision");
  }
  cache.write("models--Qwen--Qwen3-Tiny/refs/main", "4567\n");
  CHECK(model_source("Qwen/Qwen3-Tiny") == cache.snapshot("4567"));
  CHECK_REFUSED(open_checkpoint("Qwen/Qwen3-Tiny", {}), "expected config.json");
}

TEST_CASE("an id that is not in the cache says how to get the model") {
  const ScratchFolder empty;
  const Variable where("HF_HUB_CACHE", empty.path());
  const auto open = [] { return open_checkpoint("Qwen/Qwen3-0.6B", {}); };
  CHECK_THROWS_AS((void)open(), UsageError);
  CHECK_REFUSED(open(), "`hf download Qwen/Qwen3-0.6B --local-dir Qwen3-0.6B`");
  CHECK_REFUSED(open(), empty.path().c_str());
  CHECK_REFUSED(open(), "with random weights is -m qwen3-0.6b");
  CHECK_REFUSED(open_checkpoint("../x", {}), "got '../x', where no file or folder is");
}

TEST_CASE("QWENCH_MODELS is where -m finds models by name, and the only place when it is set") {
  CHECK(open_checkpoint("qwench-tiny", {})->config().model_type == "qwen3");
  const ScratchFolder models;
  const Variable where("QWENCH_MODELS", models.path());
  CHECK(model_places() == std::vector<std::string>{models.path()});
  CHECK_REFUSED(open_checkpoint("qwench-tiny", {}), "got 'qwench-tiny'");
  fs::copy(kModel, models.file("mine"));
  models.write("one.gguf", small_model().file());
  models.write("folder/M.GGUF", small_model().file());
  models.write("no-model/readme", "x");
  CHECK(model_source("mine") == models.file("mine"));
  CHECK(model_source("one.gguf") == models.file("one.gguf"));
  CHECK(model_source("folder") == models.file("folder/M.GGUF"));
  CHECK(model_source("no-model") == "no-model");
  for (const char* other : {"..", ".", "", "../mine", "folder/M.GGUF"})
    CHECK(model_in_places(other).empty());
  fs::copy(kModel, models.file("qwen3-0.6b"));  // a model goes before a card of its name
  CHECK_FALSE(open_checkpoint("qwen3-0.6b", {})->is_random());
}

TEST_CASE("of a folder of GGUF files the one that is a model is opened, or all are named") {
  const ScratchFolder folder;
  const std::string model = small_model().file();
  folder.write("M.GGUF", model);
  folder.write("mmproj-M-f16.gguf", "x");
  CHECK(model_source(folder.path()) == folder.file("M.GGUF"));
  CHECK(open_checkpoint(folder.path(), {})->config().dim == 32);
  folder.write("N.gguf", model);
  CHECK_REFUSED(model_source(folder.path()), "got 2 GGUF files ('M.GGUF', 'N.gguf')");
  CHECK_REFUSED(model_source(folder.path()), ("-m " + folder.file("M.GGUF")).c_str());
  fs::remove(folder.file("M.GGUF"));
  fs::remove(folder.file("N.gguf"));
  folder.write("S-00001-of-00002.gguf", "x");
  folder.write("S-00002-of-00002.gguf", "x");
  CHECK(model_source(folder.path()) == folder.file("S-00001-of-00002.gguf"));
  folder.write("T-00001-of-00002.gguf", "x");
  CHECK_REFUSED(model_source(folder.path()), "got 3 GGUF files");
}

TEST_CASE("a file inside a model's folder leads to the folder") {
  for (const char* name : {"/config.json", "/model.safetensors"})
    CHECK_REFUSED(open_checkpoint(kModel + name, {}), ("give the folder: -m " + kModel).c_str());
  const ScratchFolder folder;
  CHECK_REFUSED(open_checkpoint(folder.write("w.safetensors", "x"), {}),
                "without config.json beside it");
}

TEST_CASE("a GGUF file that is something else is named for what it is") {
  const ScratchFolder folder;
  const auto refused = [&](const std::string& bytes, const char* words) {
    CHECK_REFUSED(open_checkpoint(folder.write("m.gguf", bytes), {}), words);
  };
  refused("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n",
          "expected a GGUF file, got a Git LFS pointer");
  refused("<html><body>Sign in</body></html>", "got a web page");
  refused("Access to model X is restricted.", "got the text 'Access to model X is restricted.'");
  refused(std::string(1 << 16, '\0'), "only zeros at its start");
}
