"""Prompts as data: what `resources/prompts/` has, read once."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from typing import TypeVar

import msgspec

T = TypeVar("T")

_FIELD = re.compile(r"\{([a-z_]+)\}")


def load(name: str, kind: type[T]) -> T:
    """Read `resources/prompts/NAME.toml` as a value of this type; raises msgspec.ValidationError."""
    text = resources.files("resources").joinpath("prompts", f"{name}.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), kind)


def fill(template: str, **values: str) -> str:
    """Put values into the fields of a template, written `{name}`; braces in the values mean nothing.

    A field without a value is left as it is, so that a person's own prompt may have braces.
    """
    return _FIELD.sub(lambda match: values.get(match[1], match[0]), template)
