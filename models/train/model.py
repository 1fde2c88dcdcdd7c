"""Qwen3 in plain PyTorch, small enough to read, with the tensor names of transformers.

Training uses this form because it compiles to fewer, larger CPU loops than the library's; the
exported folder is opened by transformers, and `evaluate.py` compares the two.
"""
import torch
import torch.nn.functional as F
from torch import nn

CONFIG = dict(vocab_size=1536, hidden_size=128, intermediate_size=384, num_hidden_layers=4,
              num_attention_heads=4, num_key_value_heads=2, head_dim=64, rms_norm_eps=1e-6,
              rope_theta=10000.0, max_position_embeddings=2048, tie_word_embeddings=True)
DIM, HEADS, KV_HEADS, HEAD_DIM = 128, 4, 2, 64
EPS = CONFIG["rms_norm_eps"]


class Norm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight, EPS)


def linear(n_in, n_out, scale=1.0):
    layer = nn.Linear(n_in, n_out, bias=False)
    nn.init.normal_(layer.weight, std=scale * n_in ** -0.5)
    return layer


def rotate_half(t):
    return torch.cat((-t[..., HEAD_DIM // 2:], t[..., :HEAD_DIM // 2]), -1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj = linear(DIM, HEADS * HEAD_DIM)
        self.k_proj = linear(DIM, KV_HEADS * HEAD_DIM)
        self.v_proj = linear(DIM, KV_HEADS * HEAD_DIM)
        self.o_proj = linear(HEADS * HEAD_DIM, DIM, 0.3)
        self.q_norm, self.k_norm = Norm(HEAD_DIM), Norm(HEAD_DIM)

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        q = self.q_norm(self.q_proj(x).view(b, t, HEADS, HEAD_DIM)).transpose(1, 2)
        k = self.k_norm(self.k_proj(x).view(b, t, KV_HEADS, HEAD_DIM)).transpose(1, 2)
        v = self.v_proj(x).view(b, t, KV_HEADS, HEAD_DIM).transpose(1, 2)
        q, k = q * cos + rotate_half(q) * sin, k * cos + rotate_half(k) * sin
        k, v = (s.repeat_interleave(HEADS // KV_HEADS, 1) for s in (k, v))
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(out.transpose(1, 2).reshape(b, t, HEADS * HEAD_DIM))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        ffn = CONFIG["intermediate_size"]
        self.gate_proj, self.up_proj = linear(DIM, ffn), linear(DIM, ffn)
        self.down_proj = linear(ffn, DIM, 0.3)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = Norm(DIM), Norm(DIM)
        self.self_attn, self.mlp = Attention(), Mlp()

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Qwen3(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = nn.Embedding(CONFIG["vocab_size"], DIM)
        nn.init.normal_(self.embed_tokens.weight, std=0.05)
        self.layers = nn.ModuleList(Layer() for _ in range(CONFIG["num_hidden_layers"]))
        self.norm = Norm(DIM)
        inverse = CONFIG["rope_theta"] ** (-torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
        angles = torch.outer(torch.arange(float(CONFIG["max_position_embeddings"])), inverse)
        angles = torch.cat((angles, angles), -1)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, ids):
        """ids [batch, n] -> logits [batch, n, vocab]"""
        cos, sin = self.cos[:ids.shape[1]], self.sin[:ids.shape[1]]
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x) @ self.embed_tokens.weight.T
