"""Updates from n responses to one long prompt: `golong bench train` beside TRL's GRPO update, same weights, tokens and
advantages, and how far the gradients of both are from float64's."""
import json
import random
import tempfile
from pathlib import Path
from typing import NamedTuple

from measure import ROOT, show
from models import N, SHAPES, TUNED, describe, make_model, output_of, python

EXACT = 1e-5  # golong's gradients and log-probabilities, norm of the difference to float64 over the norm
SHARE = 1.15  # n responses in place of one may cost so many times their share of the products


class Case(NamedTuple):
    aim: float
    checked: int           # responses of the batch that float64 is asked about
    repetitions: int       # of TRL's
    shipped: bool          # whether TRL is measured as shipped, too; it takes minutes of the others
    bf16: float | None = None    # aim
    one: bool = False            # whether one response alone is measured beside n
    products: float | None = None  # aim: share of a large product's rate that the update's products reach over all of it
    memory: float | None = None  # aim: MB above weights, gradients and moments with layers recomputed


CASES = [Case(9, N, 3, True, bf16=15, one=True, products=0.7), Case(8, 2, 1, True, one=True, products=0.7),
         Case(2, 4, 3, True, memory=150), Case(20, 2, 1, False)]


def write_batch(path, vocabulary, prompt, response, n):
    """A batch of `golong bench train --batch`: one group."""
    rng = random.Random(0)
    prompt, *responses = ([rng.randrange(vocabulary) for _ in range(length)] for length in (prompt, *[response] * n))
    path.write_text(json.dumps({"prompt_ids": [prompt], "response_ids": [responses],
                                "advantages": [[rng.uniform(-1, 1) for _ in responses]]}))
    rows = [{"id": i, "prompt_ids": prompt, "response_ids": ids} for i, ids in enumerate(responses)]
    path.with_suffix(".jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def golong_update(golong, model, *arguments):
    return json.loads(output_of([golong, "bench", "train", "--model", model, *map(str, arguments)]))


def trl(model, batch, *arguments, **environment):
    # Its threads spin as long as golong's do, so that neither suffers more from what else the machine does.
    return python("trl_update.py", model, "--batch", batch, *map(str, arguments),
                  **{"PYTHONPATH": str(ROOT / ".venv-trl"), "GOMP_SPINCOUNT": "4000"} | environment)


def trl_at_its_best(model, batch, repetitions, *arguments):
    size = json.loads(trl(model, batch, "--find-micro-batch", *arguments, **TUNED))["micro_batch"]
    return json.loads(trl(model, batch, "--micro-batch", size, "--repetitions", repetitions, *arguments, **TUNED))


def check(golong, model, batch, n):
    """Prints how far both are from float64; an error where golong is too far."""
    folder = batch.parent
    ours, logprobs, theirs = (folder / name for name in ("golong.safetensors", "logprobs.jsonl", "trl.safetensors"))
    golong_update(golong, model, "--batch", batch, "--dump-gradients", ours, "--repetitions", 1)
    output_of([golong, "logprobs", "--model", model, "--input", batch.with_suffix(".jsonl"), "--output", logprobs])
    trl(model, batch, "--dump-gradients", theirs, "--micro-batch", 1, **TUNED)
    far = json.loads(python("exact_update.py", model, "--batch", batch, "--golong", ours, "--golong-logprobs", logprobs,
                            "--trl", theirs))
    print(f"    from float64, n {n}, relative: gradient of the worst parameter {far['golong']['gradient']:.1e} "
          f"({far['golong']['parameter']}), TRL {far['trl']['gradient']:.1e} ({far['trl']['parameter']}); "
          f"log-probabilities {far['golong']['logprobs']:.1e}, TRL {far['trl']['logprobs']:.1e}", flush=True)
    worst = max(far["golong"]["gradient"], far["golong"]["logprobs"])
    if not worst <= EXACT:
        raise AssertionError(f"golong's update is {worst:.1e} from float64's; at most {EXACT:.0e} is expected")


def compare(golong, model, batch, what, case):
    ours = golong_update(golong, model, "--batch", batch)
    best = trl_at_its_best(model, batch, case.repetitions)
    show(f"update: {what}", f"{ours['median_s']:.2f} s", f"TRL, {best['micro_batch']} at a time", f"{best['seconds']:.1f} s",
         best["seconds"] / ours["median_s"], case.aim)
    memory = f"TRL {megabytes(model, best):.0f}"
    if case.shipped:
        shipped = json.loads(trl(model, batch, "--shipped", "--repetitions", 1))
        print(f"    TRL as shipped {shipped['seconds']:.1f} s, {shipped['seconds'] / ours['median_s']:.0f} times")
        memory += f", as shipped {megabytes(model, shipped):.0f}"
    else:
        print("    TRL as shipped is left out: it takes minutes")
    share = ours["flops_per_s"] / ours["matmul_flops_per_s"]
    aim = f", aim {case.products:.0%}{', MISSED' if share < case.products else ''}" if case.products else ""
    print(f"    {ours['flops_per_s'] / 1e9:.0f} of {ours['matmul_flops_per_s'] / 1e9:.0f} GFLOP/s ({share:.0%}{aim}); memory "
          f"above weights, gradients and moments {megabytes(model, ours):.0f} MB, {memory}", flush=True)
    if case.memory:
        least = golong_update(golong, model, "--batch", batch, "--recompute", "all")
        used = megabytes(model, least)
        print(f"    with layers recomputed {used:.0f} MB, aim {case.memory:.0f}{', MISSED' if used > case.memory else ''}, in "
              f"{least['median_s']:.2f} s, {best['seconds'] / least['median_s']:.1f} times TRL", flush=True)
    return ours


def megabytes(model, update):
    """What an update in float32 takes besides gradients and both moments, each as large as the weights."""
    weights = sum(path.stat().st_size for path in model.glob("*.safetensors"))
    return (update["peak_bytes"] - 3 * weights) / 1e6


def compare_bfloat16(golong, model, batch, what, case):
    ours = golong_update(golong, model, "--batch", batch, "--dtype", "bfloat16")
    best = trl_at_its_best(model, batch, case.repetitions, "--bf16")
    show(f"update, bfloat16: {what}", f"{ours['median_s']:.2f} s", f"TRL, {best['micro_batch']} at a time",
         f"{best['seconds']:.1f} s", best["seconds"] / ours["median_s"], case.bf16)


def compare_one(golong, model, many, prompt, response):
    """What n responses cost beside one alone, and their share of the products."""
    one = golong_update(golong, model, "--n", 1, "--prompt-tokens", prompt, "--response-tokens", response)
    time, flops = many["median_s"] / one["median_s"], many["flops"] / one["flops"]
    print(f"    {N} responses take {time:.2f} times one alone and {flops:.2f} times its products: "
          f"{time / flops:.2f} times their share, aim {SHARE}{', MISSED' if time > SHARE * flops else ''}", flush=True)


def run(golong):
    for (*shape, prompt, response), case in zip(SHAPES, CASES, strict=True):
        what = describe(*shape[:3], prompt, response)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            model = make_model(golong, folder, *shape)
            batch = write_batch(folder / "batch.json", shape[2], prompt, response, N)
            ours = compare(golong, model, batch, what, case)
            if case.one:
                compare_one(golong, model, ours, prompt, response)
            check(golong, model, write_batch(folder / "checked.json", shape[2], prompt, response, case.checked),
                  case.checked)
            if case.bf16:
                compare_bfloat16(golong, model, batch, what, case)
