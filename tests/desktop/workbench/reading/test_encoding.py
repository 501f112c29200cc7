"""Bytes become the text they were made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.workbench.reading.encoding import decode
from models.errors import UserError

CHINESE = "桌子在窗边。我们每天早上在这里喝茶，看书，写信。\n合同自签字之日起生效。\n"
TRADITIONAL = "桌子在窗邊。我們每天早上在這裡喝茶，看書，寫信。\n合約自簽字之日起生效。\n"
JAPANESE = "机は窓のそばにあります。毎朝ここでお茶を飲みます。\n契約は署名の日から有効です。\n"
KOREAN = "책상은 창가에 있습니다. 우리는 매일 아침 여기서 차를 마십니다.\n"
RUSSIAN = "Стол стоит у окна. Каждое утро мы пьём здесь чай и пишем письма.\n"
FRENCH = "Le bureau est près de la fenêtre. L'été dernier, nous y écrivions à côté du poêle, déjà.\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "utf-8"),
        (CHINESE, "utf-8-sig"),
        (CHINESE, "utf-16"),
        (FRENCH, "utf-16-le"),
        (FRENCH, "utf-16-be"),
        (RUSSIAN, "utf-32"),
        (FRENCH, "utf-32-be"),
        (CHINESE, "gb18030"),
        (CHINESE, "gb2312"),
        (TRADITIONAL, "big5"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (KOREAN, "cp949"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (FRENCH, "latin-1"),
        (FRENCH + "“smart” – 5 €", "cp1252"),
    ],
)
@pytest.mark.parametrize("times", [2, 2000])
def test_any_encoding_is_found(text: str, encoding: str, times: int) -> None:
    decoded, problems = decode((text * times).encode(encoding))
    assert decoded == text * times
    sure = encoding.startswith("utf")
    assert [problem.code for problem in problems] == ([] if sure else ["encoding"])


@given(st.text())
def test_utf_8_is_taken_as_it_is(text: str) -> None:
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" not in text and not any(ord(character) < 32 or character in "\x7f\ufeff" for character in plain):
        assert decode(text.encode()) == (plain, ())


def test_some_damage_is_shown_and_told() -> None:
    data = (CHINESE * 9).encode()[:-1] + b"\xff" + "完".encode()
    text, problems = decode(data)
    assert text.startswith(CHINESE)
    assert text.endswith("\ufffd完")
    assert [problem.code for problem in problems] == ["odd_bytes"]
    text, problems = decode(FRENCH.encode() * 9 + b"\0end")
    assert text.endswith("\ufffdend")
    assert [problem.code for problem in problems] == ["odd_bytes"]


@pytest.mark.parametrize("data", [bytes(range(256)) * 4, b"\x7fELF\x02\x01\x01" + bytes(99), bytes(1000)])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(UserError) as refused:
        decode(data)
    assert refused.value.code == "not_text"
    assert refused.value.hint
