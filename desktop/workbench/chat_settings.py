"""How one conversation is answered: its sampling and context, checked and kept as plain values."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import msgspec

from desktop.workbench.settings import BY_KEY
from models.engine.protocol import Adapter, Mode, Sampling
from models.errors import UserError

MOST_ADAPTERS = 16
MOST_STRENGTH = 100.0


@dataclass(frozen=True)
class ChatSettings:
    """How one conversation is answered.

    Attributes:
        max_tokens: 0 means until the context is full.
        context_size: tokens; 0 means as many as memory affords. gpu_layers: -1 means the same.
        thinking: ask for or against thinking; None leaves the model's default.
        mode: "exact" runs alone, so that the same seed gives the same text.
        adapters: LoRA adapters on the model; kept as dictionaries of path and scale.
    """

    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int = 0
    context_size: int = 0
    gpu_layers: int = -1
    thinking: bool | None = None
    mode: Mode = "fast"
    adapters: tuple[Adapter, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """One flat dictionary of plain values; the sampling's fields stand beside the others."""
        own = [item.name for item in fields(self) if item.name not in ("sampling", "adapters")]
        return {
            **msgspec.structs.asdict(self.sampling),
            **{name: getattr(self, name) for name in own},
            "adapters": [{"path": adapter.path, "scale": adapter.scale} for adapter in self.adapters],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any], defaults: ChatSettings | None = None) -> ChatSettings:
        """Read what `to_dict` wrote; unknown keys are ignored, bad values become the defaults."""
        defaults = defaults or cls()
        good = {key: value for key, value in values.items() if key in _FIELDS and _FIELDS[key](value)}
        merged = {**defaults.to_dict(), **good}
        sampling = {key: merged.pop(key) for key in Sampling.__struct_fields__}
        adapters = tuple(Adapter(**adapter) for adapter in merged.pop("adapters"))
        return cls(sampling=Sampling(**sampling), adapters=adapters, **merged)


def _number(low: float, high: float) -> Callable[[object], bool]:
    def check(value: object) -> bool:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value) and low <= value <= high  # type: ignore[arg-type, operator]

    return check


def _whole(low: int, high: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _adapters(value: object) -> bool:
    """Whether this is a list of adapters, as `ChatSettings.to_dict` gives it."""
    if not isinstance(value, list) or len(value) > MOST_ADAPTERS:
        return False
    strength = _number(-MOST_STRENGTH, MOST_STRENGTH)
    return all(
        isinstance(one, dict)
        and one.keys() == {"path", "scale"}
        and isinstance(one["path"], str)
        and strength(one["scale"])
        for one in value
    )


# What each field of ChatSettings may be; the ones that are settings of the app have its limits.
_FIELDS: dict[str, Callable[[object], bool]] = {
    **{
        key: BY_KEY[key].allows
        for key in (
            *("temperature", "top_k", "top_p", "min_p", "repeat_penalty"),
            *("max_tokens", "context_size", "gpu_layers"),
        )
    },
    "presence_penalty": _number(-10, 10),
    "frequency_penalty": _number(-10, 10),
    "repeat_last_n": _whole(-1, 1 << 20),
    "seed": lambda value: value is None or _whole(0, 2**32 - 1)(value),
    "thinking": lambda value: value is None or isinstance(value, bool),
    "mode": lambda value: value in ("fast", "exact"),
    "adapters": _adapters,
}


def with_seed(settings: ChatSettings) -> ChatSettings:
    """The settings with a fresh seed when they have none: drawn here, so that the message remembers it."""
    if settings.sampling.seed is not None:
        return settings
    seed = secrets.randbits(32)
    return replace(settings, sampling=msgspec.structs.replace(settings.sampling, seed=seed))


def checked(settings: ChatSettings) -> dict[str, Any]:
    """The settings as they are stored; raises UserError for a value that cannot be."""
    values = settings.to_dict()
    for key, value in values.items():
        if not _FIELDS[key](value):
            raise UserError("This setting cannot have that value: {key}.", key=key, code="bad_setting")
    return values
