// Args of an op as the C interface has them (engine/plugin.h): matrices have rank 2, weights are their
// plain layout.
#pragma once
#include "engine/op.h"
#include "engine/plugin.h"

namespace qwench::cpu {

void to_c(const EmbedArgs& a, QwenchArgs& to);
void to_c(const LinearArgs& a, QwenchArgs& to);
void to_c(const AddArgs& a, QwenchArgs& to);
void to_c(const RmsNormArgs& a, QwenchArgs& to);
void to_c(const HeadNormArgs& a, QwenchArgs& to);
void to_c(const RopeArgs& a, QwenchArgs& to);
void to_c(const KvStoreArgs& a, QwenchArgs& to);
void to_c(const AttentionArgs& a, QwenchArgs& to);
void to_c(const SwiGluArgs& a, QwenchArgs& to);
void to_c(const ArgmaxArgs& a, QwenchArgs& to);
void to_c(const AddRmsNormArgs& a, QwenchArgs& to);
void to_c(const QkvLinearArgs& a, QwenchArgs& to);
void to_c(const QkNormRopeArgs& a, QwenchArgs& to);
void to_c(const GateUpSwiGluArgs& a, QwenchArgs& to);
void to_c(const LogitsArgs& a, QwenchArgs& to);

}  // namespace qwench::cpu
