"""A short list of good models, and which of them suit this computer.

The list is data (`resources/catalogue.json`) and is read without any network. Its sizes are those of
the day it was made; a download asks the hub for the true ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec

from models.errors import UserError, sentence

Purpose = Literal["chat", "multilingual", "code", "thinking", "vision", "tools", "embedding", "rerank"]
"""What a model can be wanted for; the words that the library and the hub use, and two more."""
Verdict = Literal["fits", "partly", "too_big"]

CONTEXT = 4096
"""Tokens of context that a recommendation counts with."""
OVERHEAD_BYTES = 512 << 20
"""Compute buffers, the vocabulary and the process itself."""
GPU_SHARE = 0.9
"""Of a graphics card's memory; the screen needs the rest."""
COMFORTABLE_SHARE = 0.6
"""Of the computer's memory, so that a browser and other programs find room beside the model."""
LARGEST_SHARE = 0.8
"""Of the computer's memory when little else runs."""
SLOW_BYTES = 6 << 30
"""Weights read for each token beyond which a processor answers slower than one reads: a laptop's memory
gives some 50 GB a second, so about 8 tokens."""

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
_Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,60}$")]
_Repo = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$")]
_File = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][\w.-]{0,150}\.gguf$")]
_Month = Annotated[str, msgspec.Meta(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")]
_Language = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2}$")]
_Positive = Annotated[int, msgspec.Meta(gt=0, lt=1 << 50)]
_Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 50)]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model of the catalogue.

    Attributes:
        publisher: who made the model; `repo` may be somebody else's, who made the file.
        repo, files: where it lies on the hub; several files are the shards of one model.
        mmproj, mmproj_bytes: the image part in the same repository, "" without one.
        active_parameters: those used for one token, in a mixture of experts; 0 means all.
        size_bytes: of `files` together.
        kv_bytes_per_token: of the key/value cache at f16 and a context of `CONTEXT`, where a sliding
            window counts as what it comes to for each token; 0 for an encoder.
        languages: ISO 639-1 codes of those it is best at.
        description: one sentence in English, translated as the context "Catalogue".
        released: year and month of the model, not of the file.
        quality: how good it is among those of the catalogue with the same purpose, 1 to 100; a judgement.
    """

    id: _Id
    name: _Name
    publisher: _Name
    repo: _Repo
    files: Annotated[tuple[_File, ...], msgspec.Meta(min_length=1)]
    mmproj: _File | Literal[""] = ""
    mmproj_bytes: _Count = 0
    parameters: _Positive
    active_parameters: _Count = 0
    quantization: _Name
    size_bytes: _Positive
    context_length: _Positive
    kv_bytes_per_token: _Count
    license: _Name
    capabilities: Annotated[frozenset[Purpose], msgspec.Meta(min_length=1)]
    languages: Annotated[tuple[_Language, ...], msgspec.Meta(min_length=1)]
    released: _Month
    quality: Annotated[int, msgspec.Meta(ge=1, le=100)]
    description: Annotated[str, msgspec.Meta(min_length=20, max_length=160, pattern=r"^[A-Z].*\.$")]

    @property
    def can_generate(self) -> bool:
        """False for a model that is made to embed or to rank."""
        return not self.capabilities & {"embedding", "rerank"}

    @property
    def needed_bytes(self) -> int:
        """Memory it takes while it runs with a context of `CONTEXT` tokens, its image part included."""
        cache_bytes = self.kv_bytes_per_token * min(CONTEXT, self.context_length)
        return self.size_bytes + self.mmproj_bytes + cache_bytes + OVERHEAD_BYTES

    @property
    def bytes_per_token(self) -> int:
        """Weights read for one token: what its speed without a graphics card depends on."""
        return self.size_bytes * (self.active_parameters or self.parameters) // self.parameters


@dataclass(frozen=True)
class Recommendation:
    """How well a model suits a computer; `why` is a sentence, translated like an error's."""

    entry: Entry
    verdict: Verdict
    why: str


# Made here: msgspec works a type out when it is first asked for, and two threads at once crash it.
_decode = msgspec.json.Decoder(tuple[Entry, ...]).decode


@cache
def catalogue() -> tuple[Entry, ...]:
    """All entries as they are listed; raises UserError when the file is missing or not as it should be."""
    try:
        data = files("resources").joinpath("catalogue.json").read_bytes()
        return _decode(data)
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(
            "The catalogue of models cannot be read.",
            hint="Install Rolltop again, or search the hub.",
            code="catalogue",
        ) from error


def texts() -> tuple[str, ...]:
    """The sentences of the catalogue that are to be translated."""
    return tuple(entry.description for entry in catalogue())


def recommend(
    entries: Sequence[Entry], ram_bytes: int, vram_bytes: int = 0, purpose: Purpose | None = None
) -> list[Recommendation]:
    """What suits a computer, the best first; without a purpose, for chat.

    `ram_bytes` is all the memory that the computer has. `vram_bytes` is the graphics card's own; 0 where
    it shares the computer's. A model fits when it has room on the card or in the comfortable part of the
    memory. Of those that fit the better one comes first, but last come those that would run on the
    processor and read more than `SLOW_BYTES` for each token. Then follow those that fit in part, and
    then, the smallest first, those that are too big.
    """
    purpose = purpose or "chat"
    wanted = [entry for entry in entries if _serves(entry, purpose)]
    rated = [(_rate(entry, ram_bytes, vram_bytes), entry) for entry in wanted]
    rated.sort(key=lambda pair: _order(*pair))
    return [Recommendation(entry, verdict, why) for (verdict, why), entry in rated]


def _serves(entry: Entry, purpose: Purpose) -> bool:
    """Whether it can be used for that; one that only embeds in many languages does not write in them."""
    return purpose in entry.capabilities and (entry.can_generate or purpose in ("embedding", "rerank"))


_Rating = tuple[Verdict, str]
_ON_CARD: _Rating = ("fits", sentence("It runs on the graphics card and is fast there."))
_IN_MEMORY: _Rating = ("fits", sentence("It fits into memory and leaves room for other programs."))
_SLOWLY: _Rating = ("fits", sentence("It fits into memory, but answers slowly on this computer."))
_DIVIDED: _Rating = ("partly", sentence("A part of it runs on the graphics card, the rest more slowly."))
_TIGHT: _Rating = ("partly", sentence("It fits only when few other programs are open."))
_TOO_BIG: _Rating = ("too_big", sentence("It needs more memory than this computer has."))


def _order(rating: _Rating, entry: Entry) -> tuple[int, int, int]:
    if rating == _TOO_BIG:
        return 3, entry.size_bytes, 0
    tier = 2 if rating[0] == "partly" else int(rating == _SLOWLY)
    return tier, -entry.quality, entry.size_bytes


def _rate(entry: Entry, ram_bytes: int, vram_bytes: int) -> _Rating:
    needed = entry.needed_bytes
    card = vram_bytes * GPU_SHARE
    if needed <= card:
        return _ON_CARD
    if needed <= ram_bytes * COMFORTABLE_SHARE:
        return _SLOWLY if entry.bytes_per_token > SLOW_BYTES else _IN_MEMORY
    if needed <= ram_bytes * LARGEST_SHARE + card:
        return _DIVIDED if card else _TIGHT
    return _TOO_BIG
