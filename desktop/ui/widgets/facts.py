"""Facts about models in words: sizes, counts, dates, what a model can, where it lies."""

from __future__ import annotations

from datetime import date, datetime

from PySide6.QtCore import QCoreApplication, QDate, QLocale

from desktop.ui.actions import QT_TRANSLATE_NOOP

CAPABILITIES: dict[str, str] = {
    "chat": QT_TRANSLATE_NOOP("Facts", "chat"),
    "base": QT_TRANSLATE_NOOP("Facts", "base"),
    "thinking": QT_TRANSLATE_NOOP("Facts", "thinking"),
    "tools": QT_TRANSLATE_NOOP("Facts", "tools"),
    "vision": QT_TRANSLATE_NOOP("Facts", "vision"),
    "code": QT_TRANSLATE_NOOP("Facts", "code"),
    "reasoning": QT_TRANSLATE_NOOP("Facts", "reasoning"),
    "multilingual": QT_TRANSLATE_NOOP("Facts", "many languages"),
    "embedding": QT_TRANSLATE_NOOP("Facts", "embedding"),
    "rerank": QT_TRANSLATE_NOOP("Facts", "reranking"),
}
"""What a model can, in the order in which it is told."""

PLACES: dict[str, str] = {
    "starter": QT_TRANSLATE_NOOP("Facts", "comes with Rolltop"),
    "rolltop": QT_TRANSLATE_NOOP("Facts", "Rolltop"),
    "folder": QT_TRANSLATE_NOOP("Facts", "your folder"),
    "lm_studio": "LM Studio",
    "hugging_face": "Hugging Face",
    "ollama": "Ollama",
    "jan": "Jan",
    "gpt4all": "GPT4All",
}

VERDICTS: dict[str, str] = {
    "fits": QT_TRANSLATE_NOOP("Facts", "fits"),
    "partly": QT_TRANSLATE_NOOP("Facts", "fits partly"),
    "too_big": QT_TRANSLATE_NOOP("Facts", "too big"),
}


def size_text(size: int) -> str:
    """Bytes as people read them, such as "4.7 GB"; "" for none."""
    if size <= 0:
        return ""
    digits = 0 if size < 10**9 else 1
    return QLocale().formattedDataSize(size, digits, QLocale.DataSizeFormat.DataSizeSIFormat)


def parameters_text(count: int) -> str:
    """How many parameters a model has, such as "135M" or "7.6B"; "" when unknown."""
    if count <= 0:
        return ""
    if count >= 99_950_000_000:
        return f"{count / 1e9:.0f}B"
    if count >= 999_500_000:
        return f"{QLocale().toString(count / 1e9, 'f', 1)}B"
    return f"{max(1, round(count / 1e6))}M"


def count_text(count: int) -> str:
    """A large number, shortened: "950", "12k", "3.4M"."""
    if count < 1000:
        return str(count)
    if count < 999_500:
        return f"{QLocale().toString(count / 1000, 'f', 1 if count < 10_000 else 0)}k"
    return f"{QLocale().toString(count / 1e6, 'f', 1)}M"


def speed_text(bytes_per_second: float) -> str:
    """How fast bytes come."""
    text = QCoreApplication.translate("Facts", "{size} a second")
    return text.format(size=size_text(round(bytes_per_second))) if bytes_per_second >= 1 else ""


def duration_text(seconds: float) -> str:
    """How long something takes, roughly."""
    if seconds < 90:
        return QCoreApplication.translate("Facts", "{n} s").format(n=max(1, round(seconds)))
    if seconds < 90 * 60:
        return QCoreApplication.translate("Facts", "{n} min").format(n=round(seconds / 60))
    return QCoreApplication.translate("Facts", "{n} h").format(
        n=QLocale().toString(seconds / 3600, "f", 1 if seconds < 36_000 else 0)
    )


def day_text(moment: float | datetime | None) -> str:
    """A day, near ones in words; `moment` in unix seconds or as a date; "" for never."""
    if not moment:
        return ""
    day = (moment if isinstance(moment, datetime) else datetime.fromtimestamp(moment).astimezone()).date()
    days = (date.today() - day).days
    if days <= 0:
        return QCoreApplication.translate("Facts", "today")
    if days == 1:
        return QCoreApplication.translate("Facts", "yesterday")
    return QLocale().toString(QDate(day.year, day.month, day.day), QLocale.FormatType.ShortFormat)


def capability_words(capabilities: frozenset[str] | set[str]) -> list[str]:
    """What a model can, in words and in a fixed order."""
    return [
        QCoreApplication.translate("Facts", word) for key, word in CAPABILITIES.items() if key in capabilities
    ]


def place_word(place: str) -> str:
    """Where a model was found."""
    word = PLACES.get(place, place)
    return QCoreApplication.translate("Facts", word)


def verdict_word(verdict: str) -> str:
    """Whether a model fits, in words."""
    word = VERDICTS.get(verdict, verdict)
    return QCoreApplication.translate("Facts", word)
