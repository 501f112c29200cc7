"""What a LoRA adapter's file says about itself, checked against the model before llama.cpp sees it."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path

from models.errors import UserError
from models.gguf import GGUFHeader, TensorInfo, printable, read_header, shown

SIDES = (".lora_a", ".lora_b")
"""Ends of the names of the two tensors that change one of the model's: (rank x in) and (out x rank)."""

EMBEDDING, OUTPUT = "token_embd.weight", "output.weight"
_WHOLE_NUMBERS = {"I8", "I16", "I32", "I64", "F64"}
"""Types that llama.cpp stops at when it multiplies."""


class AdapterError(UserError):
    """An adapter that cannot be put on this model, with the reason."""

    code = "adapter"


def check_adapter(path: Path, model: GGUFHeader) -> None:
    """Raise AdapterError (or GGUFError) when the file is no LoRA adapter for the model.

    Tensors of a model in several files are only known from the first; llama.cpp checks the others.
    """
    header, file = read_header(path), shown(path)
    if header.text("general.type") != "adapter" or header.text("adapter.type") != "lora":
        raise AdapterError(
            "{file} is not a LoRA adapter.",
            hint="Choose a GGUF file that was made as a LoRA adapter.",
            file=file,
        )
    if header.architecture != model.architecture:
        raise AdapterError(
            "{file} is an adapter for {theirs} models, this model is of the kind {ours}.",
            hint="Choose an adapter that was made for this model.",
            file=file,
            theirs=printable(header.architecture) or "?",
            ours=printable(model.architecture),
        )
    if "adapter.alora.invocation_tokens" in header.metadata:
        raise AdapterError(
            "{file} is an adapter that waits for certain words, which Rolltop cannot use yet.",
            hint="Choose an adapter that needs no trigger words.",
            file=file,
        )
    names = {tensor.name.removesuffix(".lora_a").removesuffix(".lora_b") for tensor in header.tensors}
    known = {tensor.name: tensor for tensor in model.tensors}
    if EMBEDDING in names and EMBEDDING in known and not model.number("split.count") and OUTPUT not in known:
        raise AdapterError(
            "{file} changes the embeddings of the words, which this model uses a second time for its output.",
            hint="llama.cpp cannot do that yet: choose another adapter.",
            file=file,
        )
    alpha = header.metadata.get("adapter.lora.alpha", 0.0)
    tensors = {tensor.name: tensor for tensor in header.tensors}
    fits = all(_fits(name, tensors, known) for name in names if not name.endswith("_norm.weight"))
    if not isinstance(alpha, float) or not isfinite(alpha) or not names or not fits:
        raise AdapterError(
            "{file} was not made for this model: its parts have other shapes.",
            hint="Choose an adapter that was made for this very model.",
            file=file,
        )


def _fits(name: str, tensors: Mapping[str, TensorInfo], known: Mapping[str, TensorInfo]) -> bool:
    """Whether the two tensors that change `name` are there and multiply to its shape."""
    a, b = (tensors.get(name + side) for side in SIDES)
    if a is None or b is None or {a.type, b.type} & _WHOLE_NUMBERS:
        return False
    (a_in, a_out, *a_rest), (b_in, b_out, *b_rest) = _padded(a), _padded(b)
    if a_rest != b_rest:
        return False
    embedding = name == EMBEDDING  # its sides are the other way round, and both laid out by rank
    if (a_in if embedding else a_out) != b_in:
        return False
    changed = known.get(name)
    if changed is None:
        return True
    shape = [b_out, a_out, *b_rest] if embedding else [a_in, b_out, *b_rest]
    return shape == _padded(changed)


def _padded(tensor: TensorInfo) -> list[int]:
    return [*tensor.shape, *[1] * (4 - len(tensor.shape))]
