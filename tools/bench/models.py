"""The models and lengths that generation and updates are measured on, and how PyTorch is run beside golong."""
import json
import os
import subprocess

from measure import ROOT

# hidden, layers, vocabulary, head_dim, intermediate, tied; prompt tokens P, response tokens R
SHAPES = [
    (256, 6, 4096, 32, 704, False, 2048, 128),
    (512, 8, 32000, 64, 1408, False, 2048, 128),
    (256, 4, 151936, 32, 704, True, 512, 128),
    (256, 6, 4096, 32, 704, False, 8192, 64),
]
N = 16  # responses to a prompt
# What keeps glibc from giving large blocks back to the kernel, and faulting them in again.
TUNED = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 34), "MALLOC_TOP_PAD_": str(64 << 20)}


def make_model(golong, folder, hidden, layers, vocabulary, head_dim, intermediate, tied):
    config = dict(
        architectures=["Qwen3ForCausalLM"], model_type="qwen3", vocab_size=vocabulary, hidden_size=hidden,
        num_hidden_layers=layers, num_attention_heads=8, num_key_value_heads=4, head_dim=head_dim,
        intermediate_size=intermediate, max_position_embeddings=40960, rope_theta=1e6, rms_norm_eps=1e-6,
        tie_word_embeddings=tied, attention_bias=False, hidden_act="silu", torch_dtype="float32", eos_token_id=0)
    (folder / "config.json").write_text(json.dumps(config))
    subprocess.run([golong, "make-model", "--config", folder / "config.json", "--output", folder / "model"], check=True,
                   stdout=subprocess.DEVNULL)
    return folder / "model"


def describe(hidden, layers, vocabulary, prompt, response):
    return f"hidden {hidden}, {layers} layers, vocabulary {vocabulary}, P {prompt}, R {response}"


def output_of(command, **environment):
    """What a program prints to stdout; what it says on stderr is shown where it fails."""
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with status {result.returncode}:\n{result.stderr[-2000:]}")
    return result.stdout


def python(script, *arguments, **environment):
    """What a script of this folder prints, run with the PyTorch that golong is built over."""
    return output_of([ROOT / ".venv/bin/python", ROOT / "tools/bench" / script, *arguments], **environment)
