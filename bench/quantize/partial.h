// The folder beside the output in which it grows: one safetensors file a part, and a list of the
// finished ones that says what they were made from. A part is in the list or it does not exist.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench/support/folder_lock.h"
#include "engine/calibrate/matrix_encoder.h"

namespace qwench::bench {

struct FinishedPart {
  std::string file;  // without folder
  uint64_t hash = 0;
  std::vector<TensorReport> tensors;
};

class Partial {
 public:
  /// Creates OUT.partial for a job that `job` describes, or opens the one that is there, which no other
  /// program may then do. UsageError when one is there and neither is asked for, when there is none to
  /// resume, or when it belongs to another job; Error when another program is working in it.
  struct Open {
    std::string out;
    OrderedJson job;
    size_t parts = 0;  // that there will be
    bool resume = false, force = false;
  };
  explicit Partial(const Open& open);

  const std::string& path() const { return path_; }
  const std::vector<FinishedPart>& finished() const { return finished_; }
  /// "model-00003-of-00030.safetensors", counted from part 0.
  std::string file_name(size_t part) const;

  /// Writes the next part and puts it in the list.
  void add(const std::vector<EncodedTensor>& tensors, const std::vector<TensorReport>& reports);
  /// Reads a finished part, as the plan has it. Error when its file is not what was written.
  std::vector<EncodedTensor> read(size_t part, const PlannedPart& plan) const;
  /// Leaves nothing but the parts.
  void remove_list() const;

 private:
  void create();
  void require_no_foreign(const char* option) const;
  void read_list(const Open& open);
  void remove_all_but(const std::vector<std::string>& names) const;
  void write_list() const;

  std::string path_;
  OrderedJson job_;
  size_t parts_ = 0;
  std::vector<FinishedPart> finished_;
  std::optional<FolderLock> lock_;
};

}  // namespace qwench::bench
