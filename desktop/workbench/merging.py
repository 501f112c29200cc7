"""The tree of a long text: parts of documents at its leaves, above them what several were merged into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from desktop.workbench.reading.document import Document
from desktop.workbench.store.records import PartRow
from desktop.workbench.task import Desk
from models.errors import UserError

AT_ONCE = 4
"""Parts of a long text that should find room in the context at the same time."""
MOST_PART = 1500
"""Tokens of a part, at most: small models lose the thread in longer ones."""
LEAST_PART = 200
MOST_MERGED = 3000
"""Tokens of what is merged in one go, at most."""
MARGIN = 24
"""Tokens that are kept free: what is counted in pieces does not quite add up."""
ALL = -1
"""`PartRow.source` of what was made of all documents."""


def roots(parts: Sequence[PartRow], source: int | None = None) -> list[PartRow]:
    """What is done, says something and was not merged into anything yet, in the order of the texts.

    `source`: of one document only.
    """
    merged = {number for part in parts if part.status == "done" for number in part.inputs}
    found = [
        part
        for part in parts
        if part.status == "done" and part.text and part.number not in merged
        if source is None or part.source == source
    ]
    return sorted(found, key=lambda part: _first_leaf(part, parts))


def _first_leaf(part: PartRow, parts: Sequence[PartRow]) -> int:
    while part.inputs:
        part = parts[part.inputs[0]]
    return part.number


def coverage(documents: Sequence[Document], parts: Sequence[PartRow]) -> float:
    """The share of the characters, white space left out, that lie in parts which are done."""
    whole = sum(_letters(document.text) for document in documents)
    done = sum(
        _letters(documents[part.source].text[part.start : part.end])
        for part in parts
        if part.level == 0 and part.status == "done" and not part.data.get("unread")
    )
    return done / whole if whole else 0.0


def _letters(text: str) -> int:
    return sum(map(len, text.split()))


def grouped(sizes: Sequence[float], room: float) -> list[range]:
    """Cut a row into stretches of two or more that find room, about equally large.

    What would be alone is in none of them. Empty when no two neighbours find room together.
    """
    target = sum(sizes) / max(1, -(-sum(sizes) // room))
    groups: list[range] = []
    start, held = 0, 0.0
    for place, size in enumerate(sizes):
        enough = place - start > 1 and held + size / 2 > target
        if place > start and (held + size > room or enough):
            groups.append(range(start, place))
            start, held = place, 0.0
        held += size
    groups.append(range(start, len(sizes)))
    return [group for group in groups if len(group) > 1]


def merged_row(nodes: Sequence[PartRow], data: dict[str, Any]) -> PartRow:
    """A part that is made of these; it covers from the first to the last of them."""
    sources = {node.source for node in nodes}
    source = sources.pop() if len(sources) == 1 else ALL
    return PartRow(
        number=0,
        level=1 + max(node.level for node in nodes),
        source=source,
        start=nodes[0].start if source != ALL else 0,
        end=nodes[-1].end if source != ALL else 0,
        inputs=tuple(node.number for node in nodes),
        title=nodes[0].title if len({node.title for node in nodes}) == 1 else "",
        data=data,
    )


def name_of(document: Document, source: int) -> str:
    """What a document is called in prompts and results."""
    name = document.name or document.title
    return " ".join(name.split()) if name.strip() else str(source + 1)


def most_common(values: Sequence[str]) -> str:
    """The value that is there most often, the first of several."""
    return max(values, key=values.count)


def part_size(desk: Desk, instructions: int, answer: int) -> int:
    """Tokens of a part, so that several with their answers are in the context at the same time."""
    together = (desk.context_size - instructions) // AT_ONCE - answer - MARGIN
    alone = desk.context_size - instructions - answer - MARGIN
    return checked_room(desk, min(alone, MOST_PART, max(LEAST_PART, together)))


def checked_room(desk: Desk, room: int) -> int:
    """The room for a text; raises UserError when there is almost none."""
    if room < LEAST_PART // 4:
        raise UserError(
            "A context of {tokens} tokens has no room for the instructions and a text.",
            hint="Choose a larger context for this model.",
            code="context_small",
            tokens=desk.context_size,
        )
    return room


def material(text: str) -> str:
    """The text such that it cannot end the place where it stands."""
    return text.replace("</text", "< /text").strip()
