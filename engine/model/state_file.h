// A sequence in a file: its tokens and pages, and what they depend on. Bytes are as in memory (little-endian):
//   "qwstate1", u64 bytes of the header, the header (JSON: facts, length), i32 tokens,
//   of every layer the pages in the order of the slots, u64 ContentHash of everything after the header.
#pragma once
#include <map>
#include <string>

#include "engine/model/sequence_state.h"

namespace qwench {

struct Model;

/// What the numbers in a page depend on beside the tokens, by name; where one differs a state cannot be read.
using StateFacts = std::map<std::string, std::string>;
/// Configuration, RoPE, types and values of the weights, types of keys and values, their layout.
StateFacts state_facts(const Model& model, const KvPool& pool);

/// Error where the file cannot be written whole.
void save_state(const std::string& path, Backend& backend, const StateFacts& facts,
                const KvPool& pool, const SequenceState& state);

/// `state` becomes what the file holds. Error that names what differs, is too long or is damaged; it is then
/// empty where that shows late, else as it was.
void load_state(const std::string& path, Backend& backend, const StateFacts& facts, int64_t vocab,
                const KvPool& pool, SequenceState& state);

/// The tokens alone.
std::vector<int32_t> state_tokens(const std::string& path);

}  // namespace qwench
