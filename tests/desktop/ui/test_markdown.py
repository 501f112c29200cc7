from __future__ import annotations

import random
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop.ui.widgets.markdown import Block, Span, Stream, allowed, clean, parse, plain

SAMPLE = r"""# Title *it*

Some **bold** text with `code`, [link](https://example.com/a(b)) and <b>html</b>
next line https://foo.bar/x. And ![alt](file:///etc/passwd).

1. one
2. two

   ```python
   def f():

       pass
   ```
3. - nested
   - more
     1. deep

7) other list
7) repeated number

> quote
lazy
> > inner
> - item

- [ ] todo
- [x] done
* another list
  with a second line

| a | b |
|---|--:|
| 1 | **2** |
not a row | but one

Setext
---

$$
\frac{a}{b}
$$

Inline $x^2$ and \(y_1\), costs $5 and $10.
\[ E = mc^2 \]
after

$$ never closed

a

$$

    indented

    more

---

大模型的七大功能：**第一**，理解。👩‍🚀 done

````md
```js
let x = 1;
```
~~~
````

~~~
open fence
  ```

end
"""


def stream(text: str, cuts: list[int]) -> list[Block]:
    reader = Stream()
    seen: list[Block] = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        first = reader.append(text[start:end])
        # What a view does: keep what is before `first`, take the rest.
        seen = seen[:first] + reader.blocks[first:]
    first = reader.finish()
    return seen[:first] + reader.blocks[first:]


def text_of(block: Block) -> str:
    return block.text or "".join(span.text for span in block.spans)


def test_sample_blocks() -> None:
    blocks = parse(SAMPLE)
    assert blocks[0] == Block("heading", (Span("Title "), Span("it", italic=True)), level=1)
    links = [span for span in blocks[1].spans if span.link]
    assert [span.link for span in links] == ["https://example.com/a(b)", "https://foo.bar/x"]
    assert any(span.image and span.text == "alt" for span in blocks[1].spans)
    assert "<b>html</b>" in text_of(blocks[1])
    markers = [(block.path, block.marker) for block in blocks if block.marker]
    assert markers[:6] == [("l", "1."), ("l", "2."), ("l", "3."), ("ll", "•"), ("ll", "•"), ("lll", "1.")]
    assert ("l", "7.") in markers
    assert ("l", "8.") in markers
    assert ("l", "☐") in markers
    assert ("l", "☑") in markers
    table = next(block for block in blocks if block.kind == "table")
    assert len(table.rows) == 3
    assert table.aligns == ("", "right")
    assert [block.text for block in blocks if block.kind == "formula"] == [r"\frac{a}{b}", "E = mc^2"]
    assert [span.text for block in blocks for span in block.spans if span.formula] == ["x^2", "y_1"]
    code = next(block for block in blocks if block.kind == "code")
    assert (code.info, code.text, code.path) == ("python", "def f():\n\n    pass", "l")


@pytest.mark.parametrize("seed", range(60))
def test_stream_equals_one_shot(seed: int) -> None:
    rng = random.Random(seed)
    parts = SAMPLE.split("\n\n")
    rng.shuffle(parts)
    text = "\n\n".join(parts) if seed % 2 else "\n".join(parts)
    if seed % 3 == 0:
        text = text[: rng.randrange(len(text))]
    count = rng.choice([1, 5, 40, min(200, len(text))])
    cuts = sorted(rng.randrange(len(text) + 1) for _ in range(count))
    assert stream(text, cuts) == parse(text)


@pytest.mark.parametrize("rows", [150, 190, 199, 250])
def test_stream_of_a_long_table(rows: int) -> None:
    text = "before\n| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * rows + "# head\n" + "a | b\n" * 20
    assert stream(text, list(range(100, len(text), 97))) == parse(text)


def test_stream_letter_by_letter() -> None:
    assert stream(SAMPLE, list(range(1, len(SAMPLE)))) == parse(SAMPLE)


PIECES = st.sampled_from(
    [
        *["a", "b ", "\n", "\n\n", "- ", "1. ", "2. ", "  ", "    ", "> ", "```", "~~~", "$$", "$", "\\["],
        *["\\]", "|", "---", "===", "#", "# ", "*", "**", "`", "[x](http://a.b)", "|-|-|\n", "\t", "\r\n"],
        *["\r", "10. ", "\\"],
    ]
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES, max_size=40), st.data())
def test_stream_equals_one_shot_for_any_text(pieces: list[str], data: st.DataObject) -> None:
    text = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    assert stream(text, cuts) == parse(text)


def test_frozen_blocks_stay() -> None:
    reader = Stream()
    frozen: list[Block] = []
    for char in SAMPLE:
        assert reader.append(char) >= len(frozen)
        assert reader.blocks[: len(frozen)] == frozen
        frozen = reader.blocks[: reader.frozen]
    assert len(frozen) > 20


def test_only_the_tail_is_read_again() -> None:
    reader = Stream()
    reader.append("A paragraph of some words.\n\n" * 500 + "\n".join(f"{i}. item" for i in range(1, 300)))
    assert reader.frozen > 790
    assert len(reader._tail) < 40


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "ftp://a.b", "relative", "http://"],
)
def test_refused_links_are_named(url: str) -> None:
    assert not allowed(url)
    (block,) = parse(f"see [here]({url})")
    assert not any(span.link for span in block.spans)
    assert url in text_of(block)


@pytest.mark.parametrize("nested", ["> " * 3000 + "deep", "- " * 3000 + "deep", "> - " * 60 + "deep"])
def test_deep_nesting_is_shown_as_its_source(nested: str) -> None:
    blocks = parse("before\n\n" + nested + "\n\nafter")
    assert "".join(text_of(block) for block in blocks).count("deep") == 1
    assert max(len(block.path) for block in blocks) <= 16


def test_nothing_is_lost_in_long_text() -> None:
    word = "w" * 100_000
    assert "".join(text_of(block) for block in parse(word)) == word
    assert all(len(text_of(block)) <= 4_000 for block in parse(word))
    code = "\n".join(f"line {i}" for i in range(2_000))
    assert "\n".join(block.text for block in parse(f"```\n{code}\n```")) == code
    table = "|a|b|\n|-|-|\n" + "|1|2|\n" * 5_000 + "\nend"
    assert "".join(text_of(block) for block in parse(table)).count("|1|2|") == 5_000


HOSTILE = [
    *["[", "![", "`a", "*a_", "$a ", "$$ a\n", "<", "[a](", "&", r"\(", "**a", "~~a", "|a"],
    *["\\[ a\n", "- a\n", "*a\n", "|a|b|\n|-|-|\n"],
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_costs_little_more_than_its_length(unit: str) -> None:
    def cost(size: int) -> float:
        text = unit * (size // len(unit))
        best = float("inf")
        for _ in range(2):
            start = time.perf_counter()
            parse(text)
            best = min(best, time.perf_counter() - start)
        return best

    # Four times the text: quadratic would be sixteen times the time.
    assert cost(80_000) < 9 * cost(20_000) + 0.05


def test_characters_a_layout_would_take_for_its_own() -> None:
    assert clean("a\x00b\ud83dc\u2029d\ufffce\r\nf\rg") == "a\ufffdb\ufffdc\nd\ufffde\nf\ng"
    assert text_of(plain("  two  spaces\n**kept** <b>")[0]) == "  two  spaces\n**kept** <b>"
