// Tensors that a file holds and the model does not use. Those known to change nothing are dropped, with
// a note; any other would be left out in silence, so that it is an Error.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/config.h"

namespace qwench {

/// What a tensor is that no text of the model depends on, by its name ("multi-token prediction"); ""
/// for any other.
std::string_view harmless_tensor(std::string_view name);

class UnusedTensors {
 public:
  /// `where`: the folder or file, for messages.
  UnusedTensors(const ModelConfig& config, std::string where);

  /// True for a tensor that the model reads (a head beside tied embeddings is one: it is compared with
  /// them). Names are those of Hugging Face's checkpoints.
  bool uses(std::string_view name) const;
  /// Of a tensor that is not used. stored: its name in the file, where that has names of its own.
  /// is_zeros: whether it is floats that are all zero; asked of biases.
  void drop(const std::string& name, const std::string& stored,
            const std::function<bool()>& is_zeros);
  /// Error naming what would be left out; else a note for each kind that was dropped.
  void finish(std::vector<std::string>& notes) const;

 private:
  std::string hint_for(std::string_view name) const;

  const ModelConfig& config_;
  std::string where_;
  std::set<std::string, std::less<>> used_;
  std::map<std::string, std::vector<std::string>> dropped_;  // by what they are
  std::vector<std::string> refused_;                         // as stored
  std::string hint_;                                         // on the first of them
};

}  // namespace qwench
