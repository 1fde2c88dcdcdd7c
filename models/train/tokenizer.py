"""Trains the byte-level BPE of qwench-tiny on the corpus: Qwen's pre-tokenizer, ChatML specials."""
import random

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import corpus

# The pattern of every published Qwen2 / Qwen3 tokenizer.json.
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
           r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}")
VOCAB = 1536
KINDS = ["prose", "arithmetic", "copy", "key_values", "retrieval", "multiple_choice",
         "completion_choice", "questions", "chat"]


def texts(count):
    rng = random.Random(11)
    for i in range(count):
        parts = corpus.KINDS[KINDS[i % len(KINDS)]](rng, 256)
        text = "".join(part for part, _ in parts)
        for special in SPECIALS:
            text = text.replace(special, "")
        yield text


def train():
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts(12000), trainers.BpeTrainer(
        vocab_size=VOCAB - len(SPECIALS), special_tokens=[], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    tokenizer.add_special_tokens(SPECIALS)
    return tokenizer


def save(tokenizer, folder):
    """tokenizer.json and tokenizer_config.json as transformers reads them."""
    from transformers import PreTrainedTokenizerFast
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>",
                                      pad_token="<|endoftext|>", model_max_length=2048,
                                      clean_up_tokenization_spaces=False)
    wrapped.chat_template = CHAT_TEMPLATE
    wrapped.save_pretrained(folder, save_jinja_files=False)
