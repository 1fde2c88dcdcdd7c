// Fields of args as the C interface has them (engine/backend/plugin.h): what the to_c() of every op is made of.
#pragma once
#include "engine/backend/plugin.h"
#include "engine/base/tensor.h"
#include "engine/ops/kv_view.h"
#include "engine/ops/rope.h"

namespace qwench::cpu {

/// As it is: vectors, indices and heads.
QwenchTensor tensor(const TensorView& t);
/// As rows, whatever its rank is here.
QwenchTensor matrix(const TensorView& t);
/// In its plain layout.
QwenchWeight weight(const WeightView& w);
QwenchKv kv(const KvView& c);
QwenchRotation rotation(const Rotation& r);
QwenchBlockList blocks(const BlockList& b);

}  // namespace qwench::cpu
