// The table of types, and the decoders of those that the engine holds itself.
#include "engine/formats/gguf_types.h"

#include "engine/formats/gguf_block.h"
#include "engine/formats/q4_0.h"
#include "engine/formats/q8_0.h"

namespace qwench {

namespace {

/// One element at a time through a copy: the source may have any alignment.
template <class Stored, float (*to_float)(Stored)>
void decode_elements(const void* from, int64_t n, float* to) {
  const auto* bytes = static_cast<const char*>(from);
  for (int64_t i = 0; i < n; ++i, bytes += sizeof(Stored)) {
    Stored element;
    std::memcpy(&element, bytes, sizeof element);
    to[i] = to_float(element);
  }
}

void decode_f32(const void* from, int64_t n, float* to) {
  std::memcpy(to, from, size_t(n) * sizeof(float));
}

struct CopyOfQ8_0 : BlockQ8_0 {
  static constexpr int64_t kElements = kQuantBlock;
};
struct CopyOfQ4_0 : BlockQ4_0 {
  static constexpr int64_t kElements = kQuantBlock;
};
void decode_block(const CopyOfQ8_0& block, float* to) { decode_q8_0(&block, kQuantBlock, to); }
void decode_block(const CopyOfQ4_0& block, float* to) { decode_q4_0(&block, kQuantBlock, to); }

const GgufType kF32 = {0, "F32", 1, 4, DType::kF32, decode_f32};
const GgufType kF16 = {1, "F16", 1, 2, DType::kF16, decode_elements<uint16_t, f16_to_f32>};
const GgufType kBF16 = {30, "BF16", 1, 2, DType::kBF16, decode_elements<uint16_t, bf16_to_f32>};
const GgufType kQ8_0 = {8,
                        "Q8_0",
                        kQuantBlock,
                        sizeof(BlockQ8_0),
                        DType::kQ8_0,
                        decode_blocks<CopyOfQ8_0, decode_block>};
const GgufType kQ4_0 = {2,
                        "Q4_0",
                        kQuantBlock,
                        sizeof(BlockQ4_0),
                        DType::kQ4_0,
                        decode_blocks<CopyOfQ4_0, decode_block>};

const GgufType* const kTypes[] = {&kF32,      &kF16,      &kBF16,     &kQ8_0,       &kQ4_0,
                                  &kGgufQ4_1, &kGgufQ5_0, &kGgufQ5_1, &kGgufQ2_K,   &kGgufQ3_K,
                                  &kGgufQ4_K, &kGgufQ5_K, &kGgufQ6_K, &kGgufIQ4_NL, &kGgufIQ4_XS};

struct RefusedType {
  uint32_t id;
  const char* name;
};
constexpr RefusedType kRefused[] = {
    {9, "Q8_1"},   {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"},
    {19, "IQ1_S"}, {21, "IQ3_S"}, {22, "IQ2_S"},   {24, "I8"},     {25, "I16"},
    {26, "I32"},   {27, "I64"},   {28, "F64"},     {29, "IQ1_M"},  {34, "TQ1_0"},
    {35, "TQ2_0"}, {39, "MXFP4"}, {40, "NVFP4"},   {41, "Q1_0"},   {42, "Q2_0"},
};

}  // namespace

const GgufType* find_gguf_type(uint32_t id) {
  for (const GgufType* type : kTypes)
    if (type->id == id) return type;
  return nullptr;
}

const GgufType* find_gguf_type(const std::string& name) {
  for (const GgufType* type : kTypes)
    if (type->name == name) return type;
  return nullptr;
}

std::string name_of_gguf_type(uint32_t id) {
  if (const GgufType* type = find_gguf_type(id)) return type->name;
  for (const RefusedType& type : kRefused)
    if (type.id == id) return type.name;
  return "type " + std::to_string(id);
}

std::string gguf_type_names() {
  std::string names;
  for (const GgufType* type : kTypes)
    names += (names.empty() ? "" : ", ") + std::string(type->name);
  return names;
}

}  // namespace qwench
