"""Long texts for tests: invented reports with headings, names and numbers, each sentence one of its kind."""

from __future__ import annotations

import random

PLACES = ("Harwick", "Lindau", "Marston", "Oakley", "Pellworth", "Quimby", "Ravenna", "Selby", "Tarn", "Ulm")
PEOPLE = ("Ada Byrne", "Tom Okafor", "Lena Fischer", "Raj Patel", "Mei Tan", "Igor Novak", "Sara Lund")
THINGS = (
    *("the harbour wall", "the north bridge", "the old mill", "the water tower", "the school roof"),
    *("the tram depot", "the flood gate", "the town archive", "the market hall", "the bakery"),
)
VERBS = (
    "repaired",
    "painted",
    "measured",
    "closed",
    "reopened",
    "sold",
    "photographed",
    "insured",
    "flooded",
)
REASONS = (
    *("after the storm", "before the winter", "to save money", "because the timber had rotted"),
    *("at the request of the council", "while the river was low", "in spite of the protest"),
)
TOPICS = (
    "Harbour works",
    "Roads and bridges",
    "Schools",
    "Water",
    "Markets",
    "Archives",
    "Transport",
    "Money",
)

_CN_PLACES = ("海口镇", "北桥村", "青石县", "临河区", "南湾港", "白云市")
_CN_PEOPLE = ("王建国", "李小梅", "张伟", "陈静", "刘洋", "赵敏")
_CN_THINGS = ("防洪闸", "老磨坊", "图书馆", "码头仓库", "学校屋顶", "供水塔")
_CN_VERBS = ("修好了", "重新粉刷了", "测量了", "关闭了", "拍卖了", "检查了")


def sentence(rng: random.Random) -> str:
    """One sentence; with its numbers hardly ever the same as another."""
    place, who, thing = rng.choice(PLACES), rng.choice(PEOPLE), rng.choice(THINGS)
    year, cost = rng.randint(1900, 2020), rng.randint(100, 99_999)
    return rng.choice(
        (
            f"In {year} {who} {rng.choice(VERBS)} {thing} of {place} {rng.choice(REASONS)}.",
            f"The people of {place} paid {cost} crowns for {thing}, {rng.choice(REASONS)}.",
            f"{who} wrote in {year} that {thing} in {place} was {rng.choice(VERBS)} {rng.choice(REASONS)}.",
            f"Of {cost} visitors to {place}, most came to see {thing} that {who} had {rng.choice(VERBS)}.",
        )
    )


def paragraph(rng: random.Random, sentences: int = 6) -> str:
    """A paragraph on one line."""
    return " ".join(sentence(rng) for _ in range(sentences))


def report(words: int, seed: int = 0) -> str:
    """A Markdown report of about so many words, with chapters, lists and paragraphs."""
    rng = random.Random(seed)
    blocks = [f"# Report of the year {1900 + seed % 100}"]
    count = 0
    while count < words:
        if len(blocks) % 9 == 1:
            blocks.append(f"## {rng.choice(TOPICS)} of {rng.choice(PLACES)}")
        if rng.random() < 0.1:
            blocks.append("\n".join(f"- {sentence(rng)}" for _ in range(3)))
        else:
            blocks.append(paragraph(rng))
        count += len(blocks[-1].split())
    return "\n\n".join(blocks) + "\n"


def chinese(characters: int, seed: int = 0) -> str:
    """A plain Chinese text of about so many characters."""
    rng = random.Random(seed)
    paragraphs: list[str] = []
    while sum(map(len, paragraphs)) < characters:
        sentences = (
            f"{rng.randint(1900, 2020)}年，{rng.choice(_CN_PEOPLE)}在{rng.choice(_CN_PLACES)}"
            f"{rng.choice(_CN_VERBS)}{rng.choice(_CN_THINGS)}，一共花了{rng.randint(100, 99_999)}元。"
            for _ in range(5)
        )
        paragraphs.append("".join(sentences))
    return "\n\n".join(paragraphs) + "\n"
