"""A selection that runs through the boxes of a text."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QPointF
from PySide6.QtGui import QKeyEvent, QKeySequence, QTextCursor

from desktop.ui.widgets.box import Box, gap

Place = tuple[int, int]
"""A box and a position in it."""

_MOVES = {
    QKeySequence.StandardKey.SelectNextChar: QTextCursor.MoveOperation.NextCharacter,
    QKeySequence.StandardKey.SelectPreviousChar: QTextCursor.MoveOperation.PreviousCharacter,
    QKeySequence.StandardKey.SelectNextWord: QTextCursor.MoveOperation.NextWord,
    QKeySequence.StandardKey.SelectPreviousWord: QTextCursor.MoveOperation.PreviousWord,
    QKeySequence.StandardKey.SelectNextLine: QTextCursor.MoveOperation.Down,
    QKeySequence.StandardKey.SelectPreviousLine: QTextCursor.MoveOperation.Up,
    QKeySequence.StandardKey.SelectStartOfLine: QTextCursor.MoveOperation.StartOfLine,
    QKeySequence.StandardKey.SelectEndOfLine: QTextCursor.MoveOperation.EndOfLine,
}
_BACK = (
    QTextCursor.MoveOperation.PreviousCharacter,
    QTextCursor.MoveOperation.PreviousWord,
    QTextCursor.MoveOperation.Up,
)
_IN_LINE = (QTextCursor.MoveOperation.StartOfLine, QTextCursor.MoveOperation.EndOfLine)


class Selection:
    """From where the mouse went down, or the keyboard began, to where it is now.

    `boxes` is the text's own list: places beyond its end, after it became shorter, mean the end.
    """

    def __init__(self, boxes: list[Box]) -> None:
        self._boxes = boxes
        self._anchor: Place = (0, 0)
        self._caret: Place = (0, 0)

    @property
    def empty(self) -> bool:
        """Whether nothing is selected."""
        low, high = self.range()
        return low == high

    def clear(self) -> None:
        """Select nothing."""
        self._anchor = self._caret = (0, 0)

    def begin(self, place: Place) -> None:
        """Select nothing, from a place on."""
        self._anchor = self._caret = place

    def extend(self, place: Place) -> None:
        """Select up to a place."""
        self._caret = place

    def select_all(self) -> None:
        """Select the whole text."""
        self._anchor, self._caret = (0, 0), self._end()

    def select_under(self, place: Place, what: QTextCursor.SelectionType) -> None:
        """Select the word or the paragraph at a place."""
        cursor = QTextCursor(self._boxes[place[0]].document)
        cursor.setPosition(place[1])
        cursor.select(what)
        self._anchor = (place[0], cursor.selectionStart())
        self._caret = (place[0], cursor.selectionEnd())

    def place_at(self, point: QPointF) -> Place:
        """The place nearest to a point of the text."""
        index = next((i for i, box in enumerate(self._boxes) if point.y() < box.y + box.height), None)
        return self._end() if index is None else (index, self._boxes[index].position_at(point))

    def range(self) -> tuple[Place, Place]:
        """The selection in reading order."""
        low, high = sorted((self._clamped(self._anchor), self._clamped(self._caret)))
        return low, high

    def chosen(self, index: int) -> tuple[int, int] | None:
        """The selected positions of one box."""
        low, high = self.range()
        if low == high or not low[0] <= index <= high[0]:
            return None
        return (low[1] if index == low[0] else 0, high[1] if index == high[0] else self._boxes[index].length)

    def text(self) -> str:
        """What is selected, as plain text."""
        low, high = self.range()
        return "".join(self._parts(low[0], high[0])) if low != high else ""

    def _parts(self, first: int, last: int) -> Iterator[str]:
        for index in range(first, last + 1):
            box, chosen = self._boxes[index], self.chosen(index)
            if index > first:
                before = self._boxes[index - 1].block
                tight = box.block.joined or 0 < gap(before, box.block, box.block.marker) < 12
                yield "\n" if tight else "\n\n"
                if box.block.marker:
                    yield box.block.marker.replace("•", "-") + " "
            if chosen is not None:
                yield box.text(*chosen)

    def move_by_key(self, event: QKeyEvent) -> bool:
        """Move the end as Shift with an arrow key does; False for any other key."""
        move = next((move for key, move in _MOVES.items() if event.matches(key)), None)
        if move is None or not self._boxes:
            return False
        index, position = self._clamped(self._caret)
        cursor = QTextCursor(self._boxes[index].document)
        cursor.setPosition(position)
        if cursor.movePosition(move) or move in _IN_LINE:
            self._caret = (index, cursor.position())
        elif move in _BACK and index:
            self._caret = (index - 1, self._boxes[index - 1].length)
        elif move not in _BACK and index + 1 < len(self._boxes):
            self._caret = (index + 1, 0)
        return True

    def _end(self) -> Place:
        return (len(self._boxes) - 1, self._boxes[-1].length) if self._boxes else (0, 0)

    def _clamped(self, place: Place) -> Place:
        if not self._boxes:
            return (0, 0)
        index = min(place[0], len(self._boxes) - 1)
        return index, min(place[1], self._boxes[index].length)
