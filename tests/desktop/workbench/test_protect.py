"""What a rewritten text has to keep: found in the source, missed in the result."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.workbench import protect
from desktop.workbench.protect import find, missing


def found(text: str, *kinds: protect.Kind, **wishes: object) -> list[str]:
    spans = find(text, kinds=kinds or protect.ALL, **wishes)  # type: ignore[arg-type]
    return [span.text for span in spans]


def lost(source: str, result: str, *, translated: bool = False, **wishes: object) -> list[str]:
    kinds = protect.NUMBERS_AND_THE_LIKE if translated else protect.ALL
    spans = find(source, kinds=kinds, **wishes)  # type: ignore[arg-type]
    return [problem.params["text"] for problem in missing(spans, result, translated=translated)]


# ---------------------------------------------------------------- where they are


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It costs 1,000 USD and 3.5 kg.", ["1,000 USD", "3.5 kg"]),
        ("on 2024-03-05 at 14:30", ["2024", "03", "05", "14", "30"]),
        ("1, 2, 3 and 1.2.3", ["1", "2", "3", "1", "2", "3"]),
        ("10 million people, 50%, € 20", ["10 million", "50%", "€ 20"]),
        ("预算是1000万元，3月5日开始", ["1000万", "3", "5"]),
        ("1'000 or 1 000 000 or 1.000,50", ["1'000", "1 000 000", "1.000,50"]),
        ("x86 and A4", []),
    ],
)
def test_numbers(text: str, expected: list[str]) -> None:
    assert found(text, "number") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ask Peter Müller in Berlin.", ["Peter Müller", "Berlin"]),
        ("She left. Then Anna said: “Come, I’m ready.”", ["Anna"]),
        ("I think I know.", []),
        ("- First item", []),
        ("Der Hund und die Katze saßen auf dem Tisch in der Küche.", []),
    ],
)
def test_names_are_guessed_with_caution(text: str, expected: list[str]) -> None:
    assert found(text, "name") == expected


def test_code_and_links() -> None:
    text = "Run `make all`, ``a`b``; see https://x.org/a_(b), (www.y.org). Mail a.b@c.org, [this](docs/a.md)."
    assert found(text, "code", "link") == [
        "`make all`",
        "``a`b``",
        "https://x.org/a_(b)",
        "www.y.org",
        "a.b@c.org",
        "docs/a.md",
    ]


def test_terms_are_words() -> None:
    text = "The API of rolltop, not the APIs; a roll  top. 用API接口。"
    assert found(text, "term", terms=["API", "Rolltop", "roll top"]) == ["API", "rolltop", "roll  top", "API"]
    assert found("机器学习很有用", "term", terms=["机器学习", "  "]) == ["机器学习"]


def test_a_glossary_goes_before_terms_and_the_longer_before_the_shorter() -> None:
    spans = find("the neural network", ["network"], {"network": "Netz", "neural network": "neuronales Netz"})
    assert [(span.kind, span.text, span.wanted) for span in spans] == [
        ("glossary", "neural network", "neuronales Netz")
    ]


@given(st.text(max_size=200), st.lists(st.text(max_size=5), max_size=3))
def test_spans_are_in_order_and_apart(text: str, terms: list[str]) -> None:
    spans = find(text, terms, kinds=protect.ALL)
    assert all(text[span.start : span.end] == span.text != "" for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))
    assert missing(spans, text) == []


# ---------------------------------------------------------------- what is missing


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("It costs 1,000 USD.", "The price: $1000."),
        ("There are 3 pools.", "There are three pools."),
        ("50% of 1 000 000", "50 percent of 1000000"),
        ("See `x` and https://a.b/c.", "https://a.b/c and `x`"),
        ("Say hello to Peter Müller.", "PETER MÜLLER, hello!"),
    ],
)
def test_kept(source: str, result: str) -> None:
    assert lost(source, result) == []


@pytest.mark.parametrize(
    ("source", "result", "expected"),
    [
        ("It costs 1,000 USD.", "It costs 1,200 USD.", ["1,000 USD"]),
        ("It weighs 3.5 kg.", "It weighs 3.5 g.", ["3.5 kg"]),
        ("Use `foo()` here.", "Use foo() here.", ["`foo()`"]),
        ("See https://a.b/c.", "See https://a.b/.", ["https://a.b/c"]),
        ("Say hello to Peter.", "Say hello.", ["Peter"]),
        ("There are 13 pools.", "There are three pools.", ["13"]),
        ("It was 3.141 long.", "It was 3 long.", ["3.141"]),
    ],
)
def test_lost(source: str, result: str, expected: list[str]) -> None:
    assert lost(source, result) == expected


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("Das kostet 1.000,50 € am 05.03.2024.", "It costs €1,000.50 on March 5, 2024."),
        ("预算是1000万元，3月5日开始。", "The budget is 10 million yuan, from March 5."),
        ("He paid 2.5 billion in 2019.", "他在2019年支付了25亿。"),
        ("1.000 Leute", "1,000 people"),
        ("twelve", "zwölf"),
    ],
)
def test_kept_in_translation(source: str, result: str) -> None:
    assert lost(source, result, translated=True) == []


def test_terms_and_glossary() -> None:
    wishes = {"terms": ["Rolltop"], "glossary": {"interface": "接口"}}
    assert lost("Rolltop has an interface.", "Rolltop有一个接口。", **wishes) == []
    assert lost("Rolltop has an interface.", "卷盖有一个界面。", **wishes) == ["Rolltop", "interface"]


def test_problems_say_where() -> None:
    (problem,) = missing(find("It costs 30 euros."), "It is free.")
    assert problem.text == "The number “30” is not in the result."
    assert (problem.params["start"], problem.params["end"]) == (9, 11)
