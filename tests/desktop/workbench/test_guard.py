"""What goes wrong with answers of small models: taken away, or found; not what the source says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.workbench import guard

CAT = "The cat sat on the mat and looked out of the window."
CHATTER = [
    ("Sure, here is the corrected text:\n\n{}", CAT),
    ('Sure! Here\'s a more formal version:\n\n"{}"\n\nLet me know if you need anything else!', CAT),
    ("Here is the rewritten paragraph: {}", CAT),
    ("Certainly! I’d be happy to help. Here’s the improved text:\n{}", CAT),
    ("**Corrected text:**\n{}", CAT),
    ("Corrected version:\n{}\n\nChanges made:\n- cat was a dog\n- mat was a rug", CAT),
    ("{}\n\n---\n\nNote: I corrected the grammar.", CAT),
    ("{}\n\n(Note: The original text had two spelling errors.)", CAT),
    ("{}\n\nI have changed the wording to make the text more formal.", CAT),
    ("{}\nI hope this helps!", CAT),
    ("{}\n\nExplanation: the verb was wrong.\n\nThe noun, too.", CAT),
    ("```\n{}\n```", CAT),
    ("```markdown\n{}\n```", CAT),
    ("<text>\n{}\n</text>", CAT),
    ("{}</text>", CAT),
    ("“{}”", CAT),
    ("当然可以！以下是修改后的文本：\n\n{}\n\n希望这对您有帮助！", "猫坐在垫子上，看着窗外。"),
    ("修改后：{}", "猫坐在垫子上，看着窗外。"),
    ("「{}」", "猫坐在垫子上，看着窗外。"),
    ("Natürlich! Hier ist die korrigierte Fassung:\n{}", "Die Katze saß auf der Matte."),
    ("{}\n\nIch hoffe, das hilft dir weiter.", "Die Katze saß auf der Matte."),
    ("Bien sûr ! Voici le texte corrigé :\n« {} »", "Le chat était assis sur le tapis."),
    ("{}\n\nN'hésitez pas à me contacter.", "Le chat était assis sur le tapis."),
    ("¡Claro! Aquí tienes la versión corregida:\n{}", "El gato estaba sentado en la alfombra."),
]


@pytest.mark.parametrize(("form", "text"), CHATTER)
def test_takes_chatter_away(form: str, text: str) -> None:
    cleaned, problems = guard.clean(form.format(text), text)
    assert cleaned == text
    wrapped = form.strip("`\n“”「」").startswith(("{}", "markdown", "<text>"))
    assert wrapped or [problem.code for problem in problems] == ["chatter"]


@pytest.mark.parametrize("form", [form for form, _ in CHATTER])
def test_leaves_alone_what_the_source_has(form: str) -> None:
    """A text about such answers, corrected, keeps all of its words."""
    source = form.format("The cat sat.")
    cleaned, problems = guard.clean(source, source)
    assert cleaned == source
    assert not problems


@pytest.mark.parametrize(
    "text",
    [
        CAT,
        "Of course! The cat sat there.",
        "Okay, the cat is here.",
        "Here is a cat: it is black and sits on the mat.",
        "“Stop,” she said, and he said “No.”",
        "He wrote `x` and then `y`",
        "First paragraph.\n\nIn this version, the buttons are larger.",
        "First paragraph.\n\nI have kept the key.",
        "- one\n- two",
        "这是一只猫。它坐在垫子上。",
    ],
)
def test_leaves_other_texts_alone(text: str) -> None:
    assert guard.clean(text) == (text, [])


@given(st.text(max_size=200))
def test_a_source_as_answer_stays_as_it_is(text: str) -> None:
    assert guard.clean(text, text)[0] == text.strip()


@given(st.text(max_size=200), st.text(max_size=50))
def test_what_is_left_was_in_the_answer(text: str, source: str) -> None:
    assert guard.clean(text, source)[0] in text


def test_lines_of_the_prompt_go() -> None:
    rule = "Correct the spelling and the grammar of the text."
    prompt = [f"{rule}\nWrite the corrected text."]
    assert guard.clean(f"Write the corrected text.\n{CAT}", CAT, prompt=prompt)[0] == CAT
    checked = guard.check(f"{CAT} {rule}", CAT, prompt=prompt)
    assert [fault.code for fault in checked.faults] == ["echo"]
    assert guard.check(rule, rule, prompt=prompt).faults == ()


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that.",
        "I’m sorry, but as an AI language model I cannot rewrite this.",
        "I cannot fulfill this request.",
        "As an AI, I do not have opinions.",
        "Sure! Please provide the text you would like me to correct.",
        "It looks like you haven't provided any text.",
        "抱歉，我无法完成这个任务。",
        "作为一个人工智能，我没有意见。",
        "请提供需要翻译的文本。",
        "Es tut mir leid, aber ich kann dabei nicht helfen.",
        "Je suis désolé, mais je ne peux pas vous aider.",
        "Lo siento, pero no puedo ayudarte con eso.",
    ],
)
def test_refusals(text: str) -> None:
    assert guard.refused(text)
    assert [fault.code for fault in guard.check(text, CAT).faults] == ["refusal"]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("I'm sorry, but I can't come on Friday.", "Im sorry but I cant come at friday."),
        ("I'm sorry, but I can't come on Friday.", "Es tut mir leid, aber ich kann am Freitag nicht kommen."),
        ("As an AI researcher, she said so.", "As a AI researcher, she sayed so."),
        ("Please send me the text by Monday.", "Please give me the text until monday."),
        (CAT, CAT),
    ],
)
def test_no_refusals(text: str, source: str) -> None:
    assert not guard.refused(text, source)


# ---------------------------------------------------------------- loops


@pytest.mark.parametrize(
    ("start", "unit", "times"),
    [
        ("The report came late. ", "The cat sat on the mat and looked at the dog again. ", 5),
        ("The report came late. ", "It is important to note that the company has grown, ", 9),
        ("", "very ", 40),
        ("报告来晚了。", "公司的收入在去年增长了很多。", 12),
        ("", "哈", 60),
        ("Items:\n", "- The same fact of the text again\n", 6),
        ("", "abc", 200),
    ],
)
@pytest.mark.parametrize("rest", [0, 5])
def test_loops(start: str, unit: str, times: int, rest: int) -> None:
    text = start + unit * times + unit[:rest]
    found = guard.loops(text)
    assert found is not None
    assert len(start) < found <= len(start) + 2 * len(unit) + 1
    assert guard.loops(text[:found]) is None


def test_counted_items_are_a_loop() -> None:
    assert guard.loops("\n".join(f"{n}. The company has grown in this year." for n in range(1, 9)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        CAT,
        CAT * 2,
        "\n".join(f"- Item {n} costs {n * 3} euros" for n in range(30)),
        "| a | b |\n|---|---|\n" + "| 0 | 0 |\n" * 9,
        "| name | value |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        "Row, row, row your boat\nGently down the stream\nMerrily, merrily, merrily\nLife is a dream",
        "And the raven said:\nNevermore.\n\nAgain it said:\nNevermore.\n\nAnd still:\nNevermore.",
        "-" * 30,
        "no no no no",
    ],
)
def test_no_loops(text: str) -> None:
    assert guard.loops(text) is None


def test_an_answer_is_endless_when_it_repeats_more_than_its_source() -> None:
    line, start = "The lamp turns and the sea is calm tonight. ", "He climbs the stairs. "
    assert not guard.endless(start + line * 5)  # a loop, but it may end soon
    assert guard.endless(start + line * 12)
    assert guard.endless(start + line * 12, start + line + "And it ends.")
    assert guard.endless("他爬上楼梯。" + "灯塔的灯今晚亮了。" * 12)
    song = "A song: " + "The lamp turn and the sea are calm tonight. " * 20 + "And it ends."
    assert not guard.endless("A song: " + line * 20, song)  # corrected, so in other words
    assert guard.endless("A song: " + line * 50, song)


def test_what_the_source_repeats_is_no_loop() -> None:
    chant = "All work and no play makes Jack a dull boy.\n" * 30
    assert guard.loops(chant) is not None
    assert guard.loops(chant, chant) is None


def test_steps_grow_with_the_length_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worst for a search of periods: nothing but repetitions in repetitions."""
    tried: list[int] = []
    real = guard._is_loop

    def count(text: str, tokens: list[tuple[str, int]], start: int, period: int) -> bool:
        tried.append(period)
        return real(text, tokens, start, period)

    monkeypatch.setattr(guard, "_is_loop", count)
    guard.loops("a " * 20_000)
    guard.loops("a a b a a c " * 5_000)
    assert sum(tried) < 50_000


# ---------------------------------------------------------------- the rest


def codes(answer: str, source: str = CAT, **wishes: object) -> list[str]:
    return [fault.code for fault in guard.check(answer, source, **wishes).faults]  # type: ignore[arg-type]


def test_faults() -> None:
    assert codes("") == codes("   \n") == ["empty"]
    assert codes(CAT, wanted="en") == codes(CAT, bounds=(0.8, 1.2)) == []
    assert codes(CAT, cut=True) == ["cut"]
    assert codes("Die Katze saß auf der Matte und sah aus dem Fenster.", wanted="en") == ["language"]
    assert codes(CAT * 3, bounds=(0.8, 1.5)) == ["too_long"]
    assert codes("The cat.", CAT * 3, bounds=(0.8, 1.5)) == ["too_short"]
    assert codes("猫坐在垫子上，看着窗外。", wanted="zh", bounds=(0.4, 2.0)) == []


def test_short_texts_may_differ_more() -> None:
    assert codes("Holiday in Italy, last year", "Holiday", bounds=(0.8, 1.2)) == []


def test_problems_have_their_words() -> None:
    problem = guard.check("Sure, here is the text:\n" + CAT, CAT).problems[0]
    assert problem.text == "The model added words of its own: “Sure, here is the text:”"
