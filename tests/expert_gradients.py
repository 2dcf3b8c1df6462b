"""Gradients of transformers' models under the names on disk, where each expert has matrices of its own."""


def by_expert(name, parameter):
    """[(name on disk, gradient)] of one parameter of a model of transformers, which has all experts of a layer in one."""
    if not name.endswith(("experts.gate_up_proj", "experts.down_proj")):
        return [(name, parameter.grad)]
    prefix, kind = name.rsplit(".", 1)
    parts = []
    for expert, gradient in enumerate(parameter.grad):
        halves = gradient.chunk(2) if kind == "gate_up_proj" else [gradient]
        kinds = ["gate_proj", "up_proj"] if kind == "gate_up_proj" else [kind]
        parts += [(f"{prefix}.{expert}.{one}.weight", half) for one, half in zip(kinds, halves, strict=True)]
    return parts
