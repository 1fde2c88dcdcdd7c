"""Writes blocks.safetensors: what PyPI's gguf (numpy) makes of seeded blocks.

pip install gguf safetensors numpy; python make_blocks.py

blocks.<TYPE>   u8  [bytes]     random block bytes with finite scales
values.<TYPE>   f32 [elements]  gguf.quants.dequantize of them
encode.weights  f32 [rows, 32]  Gaussian rows, ties, zeros, denormals, large values
encode.<TYPE>   u8  [rows, n]   gguf.quants.quantize of them
"""
import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.quants import dequantize, quantize
from safetensors.numpy import save_file

ELEMENTS = 1536
# where the f16 scales stand in a block
SCALES = {
    T.Q8_0: [0], T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q2_K: [80, 82],
    T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208], T.IQ4_NL: [0], T.IQ4_XS: [0],
}
EDGES = np.array([0, -0.0, 6e-8, -3e-5, 65504, 1], np.float16)


def random_blocks(rng, kind):
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (ELEMENTS // elements, size), dtype=np.uint8)
    for field, at in enumerate(SCALES[kind]):
        scale = (rng.standard_normal(len(blocks)) * 0.01).astype(np.float16)
        some = min(len(blocks) - 2, len(EDGES))
        scale[:some] = np.roll(EDGES, field)[-some:]
        blocks[:, at:at + 2] = scale.view(np.uint8).reshape(-1, 2)
    return blocks


def rows_to_encode(rng):
    rows = [rng.standard_normal((24, 32)), 0.02 * rng.standard_t(5, (24, 32)),
            1e-6 * rng.standard_normal((2, 32)), 8e-37 * rng.uniform(-1, 1, (2, 32)),
            1e4 * rng.standard_normal((2, 32)), 1e30 * rng.standard_normal((1, 32)),
            np.zeros((1, 32)), np.full((1, 32), 3.0),
            np.full((1, 32), -3.0), np.eye(2, 32), -np.eye(2, 32)]
    ties = np.arange(-16, 16) / 2.0  # with the scale 1 of q4_0 every other one is a tie
    rows += [[ties, -ties, np.where(ties == -8, 8, ties)]]
    ties = np.arange(-127, 129, 8) / 2.0  # with the scale 1 of q8_0
    rows += [[np.where(ties == ties[0], 127, ties), np.where(ties == ties[0], -127, ties)]]
    return np.concatenate(rows).astype(np.float32)


def main():
    rng = np.random.default_rng(20240607)
    tensors = {}
    for kind in SCALES:
        blocks = random_blocks(rng, kind)
        tensors[f"blocks.{kind.name}"] = blocks.reshape(-1)
        values = dequantize(blocks, kind).reshape(-1)
        assert values.dtype == np.float32 and np.isfinite(values).all()
        tensors[f"values.{kind.name}"] = values
    weights = rows_to_encode(rng)
    tensors["encode.weights"] = weights
    for kind in (T.Q8_0, T.Q4_0):
        with np.errstate(over="ignore"):  # the scale of 1e30 is infinite in f16
            tensors[f"encode.{kind.name}"] = quantize(weights, kind)
    save_file(tensors, "blocks.safetensors", {"seed": "20240607", "numpy": np.__version__})


main()
