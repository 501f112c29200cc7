"""The language of a text, and what languages are called."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.workbench import language

SENTENCES = {
    "en": "I has went to the shop yesterday and buyed some milk.",
    "de": "Das ist gut, aber es könnte noch besser werden.",
    "fr": "Voici la version corrigée du texte que vous avez envoyé.",
    "es": "Hola, ¿qué tal estás? Hace mucho tiempo que no te veo.",
    "it": "Il gatto è sul tavolo e guarda fuori dalla finestra.",
    "pt": "O relatório foi enviado ontem à tarde para a direção.",
    "nl": "De vergadering begint morgen om negen uur in de grote zaal.",
    "pl": "Spotkanie zaczyna się jutro o dziewiątej w dużej sali.",
    "zh": "使用 Python 的 asyncio 库来写网络程序。",
    "ja": "これは日本語の文章です。",
    "ko": "이것은 한국어 문장입니다.",
    "ru": "Это предложение написано на русском языке.",
    "uk": "Це речення написане українською мовою.",
    "ar": "هذه جملة مكتوبة باللغة العربية",
    "fa": "این یک جمله به زبان فارسی است",
    "he": "זה משפט בעברית",
    "el": "Η γρήγορη αλεπού πηδάει",
    "hi": "यह हिन्दी का एक वाक्य है",
    "th": "นี่คือประโยคภาษาไทย",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_detects(code: str) -> None:
    assert language.detect(SENTENCES[code]) == code


@pytest.mark.parametrize("text", ["", "ok", "1234 5678", "foo_bar(baz)", "HTTP/1.1 200 OK", "摘要", "☃ — …"])
def test_is_unsure(text: str) -> None:
    assert language.detect(text) == ""


def test_code_and_links_are_no_language() -> None:
    text = "Die Funktion `give_me_the_first_word_of_it` steht auf https://example.org/the/first/word dort."
    assert language.detect(text) == "de"


def test_looks_at_all_of_a_long_text() -> None:
    assert language.detect("# Title in English\n\n" + SENTENCES["de"] * 2000) == "de"


@given(st.text())
def test_any_text_gets_a_known_code_or_none(text: str) -> None:
    assert language.detect(text) in {"", *language.NAMES}


def test_alike() -> None:
    assert language.alike("zh", "zh-Hant")
    assert language.alike("da", "no")
    assert not language.alike("en", "de")


def test_names() -> None:
    assert len(language.NAMES) >= 40
    assert language.name("de") == "German"
    assert language.own_name("de") == "Deutsch"
    assert language.name("xx") == "xx"
    for code, names in language.NAMES.items():
        assert language.find(code) == language.find(names.english) == language.find(names.own) == code
    assert language.find("Chinese") == "zh"
    assert language.find("Klingon") == ""


def test_the_model_is_not_loaded_before_it_is_needed() -> None:
    code = (
        "import sys; from desktop.workbench import language; language.detect('你好，世界');"
        "sys.exit('py3langid' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
