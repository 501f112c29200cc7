"""Bytes of unknown encoding -> text."""

from __future__ import annotations

import codecs
import re

from desktop.workbench.problems import Problem
from models.errors import UserError, sentence

SAMPLE = 200_000
"""Bytes that an encoding is told by."""

CANDIDATES = (
    *("gb18030", "big5", "cp932", "euc_jp", "cp949", "iso2022_jp"),
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r"),
    *("iso8859_2", "iso8859_15", "mac_roman", "cp437", "cp850"),
)

LIKELIER = {"cp1252": 0.05, "gb18030": 0.05, "cp1251": 0.03, "cp932": 0.02, "cp1257": -0.1, "mac_roman": -0.1}
"""What is added to how well an encoding fits, since some are far more common than others."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL = bytes(set(range(32)) - {8, 9, 10, 11, 12, 13, 27}) + b"\x7f"
_LINE_END = re.compile("\r\n?")


def decode(data: bytes) -> tuple[str, tuple[Problem, ...]]:
    """The text with "\\n" at the ends of lines, and what is uncertain about it.

    Raises UserError (code "not_text") when the bytes are no text.
    """
    text, problems = _decode(data)
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
        problems = (*problems, _damaged())
    return _LINE_END.sub("\n", text), problems


def is_binary(data: bytes) -> bool:
    """Whether a beginning of a file is no text in any encoding."""
    if not data or any(data.startswith(mark) for mark, _ in _MARKS) or _wide(data):
        return False
    control = len(data) - len(data.translate(None, _CONTROL))
    return control > max(1, len(data) // 50)


def _decode(data: bytes) -> tuple[str, tuple[Problem, ...]]:
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _with(data[len(mark) :], name)
    if name := _wide(data):
        return _with(data, name)
    if is_binary(data[:SAMPLE]):
        raise UserError(
            "This file is not a text.",
            hint="Open a text, a web page, a PDF, or a file of Word, PowerPoint or Excel.",
            code="not_text",
        )
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError:
        pass
    damaged = data.decode("utf-8", "replace")
    right = len(re.findall(r"[^\x00-\x7f\ufffd]", damaged[:SAMPLE]))
    if damaged[:SAMPLE].count("\ufffd") * 8 < right:
        return damaged, (_damaged(),)
    name = _guess(data)
    text, problems = _with(data, name)
    return text, (*problems, _guessed(name))


def _with(data: bytes, name: str) -> tuple[str, tuple[Problem, ...]]:
    try:
        return data.decode(name), ()
    except UnicodeDecodeError:
        return data.decode(name, "replace"), (_damaged(),)


def _wide(data: bytes) -> str:
    """The kind of UTF-16 or UTF-32 without a mark, told by where its zeros are; empty when it is none."""
    sample = data[:4096]
    if len(sample) < 4 or 0 not in sample:
        return ""
    zeros = [sample[place::4].count(0) / max(1, len(sample[place::4])) for place in range(4)]
    if min(zeros[2:]) > 0.9 and zeros[0] < 0.1:
        return "utf-32-le"
    if min(zeros[:2]) > 0.9 and zeros[3] < 0.1:
        return "utf-32-be"
    low, high = (zeros[0] + zeros[2]) / 2, (zeros[1] + zeros[3]) / 2
    if high > 0.3 and low < 0.05:
        return "utf-16-le"
    if low > 0.3 and high < 0.05:
        return "utf-16-be"
    return ""


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes

    sample = data[:SAMPLE]
    if len(data) > SAMPLE:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    matches = from_bytes(sample, cp_isolation=list(CANDIDATES), enable_fallback=False)
    likely = max(
        matches,
        key=lambda match: match.coherence - match.chaos + LIKELIER.get(match.encoding, 0.0),
        default=None,
    )
    return likely.encoding if likely is not None else "cp1252"


def _guessed(name: str) -> Problem:
    return Problem(
        "encoding",
        sentence("The text does not say how it is encoded; it was read as {encoding}."),
        {"encoding": name},
    )


def _damaged() -> Problem:
    return Problem("odd_bytes", sentence("Some bytes are no characters and are shown as \ufffd."))
