"""tokenizer.json files of the shape that Qwen3 and Llama 3 ship, from Qwen's own vocabulary.

Its ranks are in the PyPI package dashscope. Llama's ranks are not to be had without a licence, so the file in Llama 3's
shape holds the first 128,000 of Qwen's; everything else of it is Llama 3's.
"""
import base64
import hashlib
import importlib.metadata
import json

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPLIT = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|NUMBER| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN_SPECIAL = [f"<|{name}|>" for name in (
    "endoftext", "im_start", "im_end", "object_ref_start", "object_ref_end", "box_start", "box_end", "quad_start",
    "quad_end", "vision_start", "vision_end", "vision_pad", "image_pad", "video_pad")]
QWEN_SHOWN = ["<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>",
              "<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>"]


def reserved(first, last):
    return [f"<|reserved_special_token_{i}|>" for i in range(first, last + 1)]


LLAMA_SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", *reserved(0, 3), "<|start_header_id|>", "<|end_header_id|>",
                 *reserved(4, 4), "<|eot_id|>", *reserved(5, 250)]
# What neither model has: every flag, tokens within tokens, tokens of spaces, letters that normalisation changes.
ODD = [("<left>", ["lstrip"]), ("<right>", ["rstrip"]), ("<both>", ["lstrip", "rstrip", "special"]),
       ("wordy", ["single_word"]), ("<|im_start|>user", []), ("\u00e9t\u00e9", ["normalized", "single_word"]),
       ("A\u030angstrom", ["normalized"]), ("  ", []), (" \n", ["rstrip"]), ("\t", ["lstrip", "normalized"]),
       ("\u8bcd", ["single_word", "rstrip"])]


def ranks():
    """The tokens (bytes) in their order."""
    files = importlib.metadata.files("dashscope")
    path = next(file for file in files if file.name == "qwen.tiktoken")
    contents = path.locate().read_bytes()
    assert hashlib.sha256(contents).hexdigest() == "b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186"
    lines = [line.split() for line in contents.splitlines()]
    assert [int(rank) for _, rank in lines] == list(range(151643))
    return [base64.b64decode(token) for token, _ in lines]


def alphabet():
    """byte -> the character that spells it in a tokenizer.json."""
    plain = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(0x100 + i) for i, byte in enumerate(others)}


def one_merge_each(tokens):
    """The merge that made each token: what is left of its bytes when all earlier merges are done is a pair."""
    rank = {token: i for i, token in enumerate(tokens)}
    for i, token in enumerate(tokens):
        parts = [token[j:j + 1] for j in range(len(token))]
        while len(parts) > 2:
            best = min(range(len(parts) - 1), key=lambda j: rank.get(parts[j] + parts[j + 1], i))
            assert rank.get(parts[best] + parts[best + 1], i) < i, token
            parts[best:best + 2] = [parts[best] + parts[best + 1]]
        if len(parts) == 2:
            yield parts


def all_merges(tokens):
    """Every pair that makes a token, in the order of the tokens: what transformers writes for Llama 3."""
    rank = {token: i for i, token in enumerate(tokens)}
    for token in tokens:
        pairs = [(token[:j], token[j:]) for j in range(1, len(token)) if token[:j] in rank and token[j:] in rank]
        yield from sorted(pairs, key=lambda pair: (rank[pair[0]], rank[pair[1]]))


def added(first, tokens):
    flags = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return [{"id": first + i, "content": content} | {flag: flag in on for flag in flags}
            for i, (content, on) in enumerate(tokens)]


def write(path, tokens, merges, number, normalizer, added_tokens, **model):
    letters = alphabet()

    def spell(token):
        return "".join(letters[byte] for byte in token)

    split = {"type": "Split", "pattern": {"Regex": SPLIT.replace("NUMBER", number)}, "behavior": "Isolated",
             "invert": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    path.write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added_tokens, "normalizer": normalizer,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
        "post_processor": byte_level, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, **model,
                  "vocab": {spell(token): i for i, token in enumerate(tokens)},
                  "merges": [[spell(left), spell(right)] for left, right in merges]}}), encoding="utf-8")
    return path


def make(folder):
    """Writes qwen3.json, llama3.json and odd.json; returns their paths by name."""
    tokens = ranks()
    qwen_merges = list(one_merge_each(tokens))
    qwen_added = added(len(tokens), [(token, ["special"]) for token in QWEN_SPECIAL] + [(t, []) for t in QWEN_SHOWN])
    odd = qwen_added + added(len(tokens) + len(qwen_added), ODD)
    nfc = {"type": "NFC"}
    llama = tokens[:128000]
    llama_added = added(len(llama), [(token, ["special"]) for token in LLAMA_SPECIAL])
    return {
        "qwen3": write(folder / "qwen3.json", tokens, qwen_merges, r"\p{N}", nfc, qwen_added, ignore_merges=False),
        "llama3": write(folder / "llama3.json", llama, all_merges(llama), r"\p{N}{1,3}", None, llama_added,
                        ignore_merges=True),
        "odd": write(folder / "odd.json", tokens, qwen_merges, r"\p{N}", nfc, odd, ignore_merges=False),
    }
