#!/usr/bin/env python3
"""Trains a small byte-level BPE tokenizer that works as Qwen3's does: same normalizer, same split into words, same kind
of added tokens (their ids stand after the vocabulary). Writes tokenizer.json and tokenizer_config.json, which golong
and transformers open. The same input gives the same files.

    tools/train_tokenizer.py --input train.jsonl handbook.txt --vocabulary 2048 --output model/
"""
import argparse
import json
import pathlib
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

# How Qwen2 and Qwen3 cut text into words before any merge: contractions, letters with what precedes them, single
# digits, punctuation, line ends, spaces.
QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]  # left out when text is shown
TEXT = ["<think>", "</think>"]  # text like any other, but one token

# Qwen3-Thinking-2507's for conversations without tools: thinking of earlier answers is dropped, the answer to come
# starts inside a think block.
CHAT_TEMPLATE = """\
{%- set last = namespace(user=messages|length) %}
{%- for m in messages %}
    {%- if m.role == 'user' and not (m.content.startswith('<tool_response>') and m.content.endswith('</tool_response>')) %}
        {%- set last.user = loop.index0 %}
    {%- endif %}
{%- endfor %}
{%- for m in messages %}
{{- '<|im_start|>' + m.role + '\\n' }}
{%- if m.role == 'assistant' %}
    {%- set thinking = '' %}
    {%- set answer = m.content %}
    {%- if '</think>' in m.content %}
        {%- set answer = m.content.split('</think>')[-1].lstrip('\\n') %}
        {%- set thinking = m.content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
    {%- endif %}
    {%- if loop.index0 > last.user and (loop.last or thinking) %}
        {{- '<think>\\n' + thinking.strip('\\n') + '\\n</think>\\n\\n' + answer.lstrip('\\n') }}
    {%- else %}
        {{- answer }}
    {%- endif %}
{%- else %}
    {{- m.content }}
{%- endif %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n' }}{% endif %}"""


def strings(value):
    """All texts inside a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)


def row_texts(row, where):
    """What a model reads or writes of one row: its prompt and its gold answer, or a plain text."""
    if not isinstance(row, dict):
        sys.exit(f"{where}: a row must be an object")
    found = False
    for message in row.get("prompt") or []:
        found = True
        yield message["content"]
    if isinstance(row.get("text"), str):
        found = True
        yield row["text"]
    if not found:
        sys.exit(f"{where}: neither a column prompt (a list of messages) nor a column text")
    yield from strings((row.get("reward_model") or {}).get("ground_truth"))


def texts(paths):
    for path in paths:
        if path.suffix == ".jsonl":
            for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
                if line.strip():
                    yield from row_texts(json.loads(line), f"{path}:{number}")
        else:
            yield path.read_text(encoding="utf-8", errors="replace")


def train(documents, vocabulary):
    added = SPECIAL + TEXT
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN_SPLIT), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(added),
        min_frequency=2,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(documents, trainer)
    missing = vocabulary - len(added) - tokenizer.get_vocab_size()
    if missing > 0:
        sys.exit(f"the input gives only {tokenizer.get_vocab_size()} tokens, {missing} too few: "
                 "give more text or a smaller --vocabulary")
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=True) for t in SPECIAL])
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=False) for t in TEXT])
    return tokenizer


def config(tokenizer, max_length):
    added = {}
    for token in SPECIAL + TEXT:
        added[str(tokenizer.token_to_id(token))] = {
            "content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
            "special": token in SPECIAL,
        }
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "added_tokens_decoder": added,
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": None,
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": max_length,
        "chat_template": CHAT_TEMPLATE,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", nargs="+", type=pathlib.Path, required=True, metavar="FILE",
                        help="dataset rows (*.jsonl: columns prompt and reward_model, or text) or plain text files")
    parser.add_argument("--vocabulary", type=int, default=2048, metavar="N",
                        help="number of tokens, the added ones included (default: 2048)")
    parser.add_argument("--max-length", type=int, default=32768, metavar="N",
                        help="longest text that the model takes, in tokens (default: 32768)")
    parser.add_argument("--output", type=pathlib.Path, required=True, metavar="DIR", help="folder to write to")
    arguments = parser.parse_args()
    for path in arguments.input:
        if not path.is_file():
            sys.exit(f"{path}: no such file")
    if arguments.vocabulary < 256 + len(SPECIAL + TEXT):
        sys.exit(f"--vocabulary {arguments.vocabulary}: at least {256 + len(SPECIAL + TEXT)} are needed "
                 "(256 bytes and the added tokens)")
    tokenizer = train(texts(arguments.input), arguments.vocabulary)
    arguments.output.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(arguments.output / "tokenizer.json"))
    text = json.dumps(config(tokenizer, arguments.max_length), ensure_ascii=False, indent=2) + "\n"
    (arguments.output / "tokenizer_config.json").write_text(text, encoding="utf-8")
    print(f"{arguments.output}/tokenizer.json: {tokenizer.get_vocab_size(with_added_tokens=True)} tokens")


if __name__ == "__main__":
    main()
