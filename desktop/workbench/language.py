"""Which language a text is in, and what the languages are called."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier


class Language(NamedTuple):
    """What a language is called: in English, and by those who speak it."""

    english: str
    own: str


NAMES = {
    "en": Language("English", "English"),
    "zh": Language("Simplified Chinese", "简体中文"),
    "zh-Hant": Language("Traditional Chinese", "繁體中文"),
    "ar": Language("Arabic", "العربية"),
    "bn": Language("Bengali", "বাংলা"),
    "bg": Language("Bulgarian", "български"),
    "ca": Language("Catalan", "català"),
    "hr": Language("Croatian", "hrvatski"),
    "cs": Language("Czech", "čeština"),
    "da": Language("Danish", "dansk"),
    "nl": Language("Dutch", "Nederlands"),
    "et": Language("Estonian", "eesti"),
    "fi": Language("Finnish", "suomi"),
    "fr": Language("French", "français"),
    "de": Language("German", "Deutsch"),
    "el": Language("Greek", "Ελληνικά"),
    "he": Language("Hebrew", "עברית"),
    "hi": Language("Hindi", "हिन्दी"),
    "hu": Language("Hungarian", "magyar"),
    "id": Language("Indonesian", "Bahasa Indonesia"),
    "it": Language("Italian", "italiano"),
    "ja": Language("Japanese", "日本語"),
    "ko": Language("Korean", "한국어"),
    "lv": Language("Latvian", "latviešu"),
    "lt": Language("Lithuanian", "lietuvių"),
    "ms": Language("Malay", "Bahasa Melayu"),
    "no": Language("Norwegian", "norsk"),
    "fa": Language("Persian", "فارسی"),
    "pl": Language("Polish", "polski"),
    "pt": Language("Portuguese", "português"),
    "ro": Language("Romanian", "română"),
    "ru": Language("Russian", "русский"),
    "sr": Language("Serbian", "српски"),
    "sk": Language("Slovak", "slovenčina"),
    "sl": Language("Slovenian", "slovenščina"),
    "es": Language("Spanish", "español"),
    "sw": Language("Swahili", "Kiswahili"),
    "sv": Language("Swedish", "svenska"),
    "tl": Language("Filipino", "Filipino"),
    "ta": Language("Tamil", "தமிழ்"),
    "te": Language("Telugu", "తెలుగు"),
    "th": Language("Thai", "ไทย"),
    "tr": Language("Turkish", "Türkçe"),
    "uk": Language("Ukrainian", "українська"),
    "ur": Language("Urdu", "اردو"),
    "vi": Language("Vietnamese", "Tiếng Việt"),
}
"""Code -> names, for a chooser: the two largest first, then by English name."""

SURE = 0.55
"""Probability from which on the guess of a language counts."""

_ALIKE = ({"da", "no"}, {"id", "ms"}, {"hr", "sr"}, {"cs", "sk"}, {"ur", "hi"})
_FOLDED = {"pcm": "en", "nn": "no", "bs": "hr", "wuu": "zh", "yue": "zh", "arz": "ar", "ary": "ar"}
_FOLDED |= {"ext": "es", "an": "es", "lij": "it", "vec": "it", "gcf": "fr", "gcr": "fr", "wa": "fr"}
_SAMPLE = 3000  # characters that a guess looks at
_LEAST_LETTERS = 8
_LEAST_HAN = 4
# What stands in texts of any language: links, addresses, code, HTML and what looks like names in programs.
_NO_LANGUAGE = re.compile(
    r"`[^`\n]*`|\b\w{2,12}://\S+|\bwww\.\S+|\b[\w.+-]{1,64}@\S+\.\w+|<[^<>\n]{1,200}>|\b\w*[_/\\]\w[\w/\\]*"
)

# First characters of scripts' ranges; each ends where the next begins.
_RANGES: tuple[tuple[int, str], ...] = (
    (0x0000, ""),
    (0x0041, "Latin"),
    (0x0250, ""),
    (0x0370, "el"),
    (0x0400, "Cyrillic"),
    (0x0530, ""),
    (0x0590, "he"),
    (0x0600, "Arabic"),
    (0x0780, ""),
    (0x0900, "hi"),
    (0x0980, "bn"),
    (0x0A00, ""),
    (0x0B80, "ta"),
    (0x0C00, "te"),
    (0x0C80, ""),
    (0x0E00, "th"),
    (0x0E80, ""),
    (0x1100, "ko"),
    (0x1200, ""),
    (0x1E00, "Latin"),
    (0x1F00, "el"),
    (0x2000, ""),
    (0x3040, "Kana"),
    (0x3100, ""),
    (0x3400, "Han"),
    (0xA000, ""),
    (0xAC00, "ko"),
    (0xD7B0, ""),
    (0xF900, "Han"),
    (0xFB00, "Latin"),
    (0xFB1D, "he"),
    (0xFB50, "Arabic"),
    (0xFE00, ""),
    (0xFE70, "Arabic"),
    (0xFF00, ""),
    (0xFF66, "Kana"),
    (0xFFA0, ""),
    (0x20000, "Han"),
    (0x32000, ""),
)
_STARTS = [start for start, _ in _RANGES]
_WEIGHTS = {"Han": 3.0, "Kana": 2.0, "ko": 2.0}  # a syllable or a word in one character


def detect(text: str) -> str:
    """The ISO 639-1 code of the language that most of a text is in; empty when unsure or too short."""
    sample = _NO_LANGUAGE.sub(" ", _sample(text))
    counts: dict[str, int] = {}
    for letter in sample:
        if letter.isalpha():
            script = _RANGES[bisect_right(_STARTS, ord(letter)) - 1][1]
            counts[script] = counts.get(script, 0) + 1
    if not counts:
        return ""
    script = max(counts, key=lambda name: counts[name] * _WEIGHTS.get(name, 1.0))
    if script in ("Han", "Kana"):
        han, kana = counts.get("Han", 0), counts.get("Kana", 0)
        if kana * 12 > han:
            return "ja" if kana + han >= _LEAST_HAN else ""
        return "zh" if han >= _LEAST_HAN else ""
    if counts[script] < _LEAST_LETTERS:
        return ""
    return script if script in NAMES else _guess(sample)


def alike(one: str, other: str) -> bool:
    """Whether two codes may be taken for each other: the same language, or hard to tell apart."""
    a, b = one.split("-")[0], other.split("-")[0]
    return a == b or any({a, b} <= group for group in _ALIKE)


def name(code: str) -> str:
    """The English name of a language; the code itself when it has none here."""
    return NAMES[code].english if code in NAMES else code


def own_name(code: str) -> str:
    """What a language is called by those who speak it; the code itself when it has none here."""
    return NAMES[code].own if code in NAMES else code


def find(word: str) -> str:
    """The code for a code or a name, English or own, in any case; empty when there is none."""
    wanted = word.strip().casefold()
    for code, names in NAMES.items():
        if wanted in (code.casefold(), names.english.casefold(), names.own.casefold()):
            return code
    return "zh" if wanted in ("chinese", "中文") else ""


def _sample(text: str) -> str:
    """All of a short text; the beginning, the middle and the end of a long one."""
    if len(text) <= _SAMPLE:
        return text
    third = _SAMPLE // 3
    middle = len(text) // 2
    return "\n".join((text[:third], text[middle : middle + third], text[-third:]))


def _guess(sample: str) -> str:
    chances: dict[str, float] = {}
    for label, chance in _identifier().rank(sample):
        code = _FOLDED.get(label, label)
        chances[code] = chances.get(code, 0.0) + chance
    best = max(chances, key=lambda code: chances[code])
    # Of two that are alike, either will do: their chances count together.
    sum_ = sum(chance for code, chance in chances.items() if alike(code, best))
    return best if sum_ >= SURE and best in NAMES else ""


@cache
def _identifier() -> LanguageIdentifier:
    """The model: 0.7 s to load, so it is loaded when it is first needed."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    found: Any = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    return found
