"""A text whose sentences lead to where they come from."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from desktop.ui.theme import Theme
from desktop.ui.widgets.box import Box
from desktop.ui.widgets.formula import Formulas
from desktop.ui.widgets.prose import Prose
from desktop.workbench.links import Link

LOOK_AHEAD = 4_000
"""Characters of the source in which a character that is shown is looked for."""


def aligned(source: str, shown: str) -> list[int]:
    """For each character that is shown the position in the Markdown it was made of, -1 for none.

    What is shown is the source without some of its characters, so the first that fits is taken.
    """
    places, at = [], 0
    for character in shown:
        wanted = "\n" if character in "\u2028\u2029" else " " if character == "\xa0" else character
        found = source.find(wanted, at, at + LOOK_AHEAD)
        places.append(found)
        if found >= 0:
            at = found + 1
    return places


class LinkedProse(Prose):
    """A text in which sentences can be pointed at, clicked, and gone through with the arrow keys.

    Sentences that were not found in the source have a dotted line below them.

    Attributes:
        sentences: of the text shown, with their links. current: the sentence that was chosen, -1 for none.
        describe: words for a link, for its tooltip and for screen readers.
    Signals:
        sentence_chosen(int): which of `sentences`.
    """

    sentence_chosen = Signal(int)

    def __init__(self, theme: Theme, formulas: Formulas, parent: QWidget | None = None) -> None:
        super().__init__(theme, formulas, parent=parent)
        self.sentences: list[Link] = []
        self.current = -1
        self.describe: Callable[[Link], str] = lambda _link: ""
        self._source = ""
        self._hovered = -1
        self._ranges: list[list[tuple[int, int, int]]] | None = None
        self._heights: dict[int, int] = {}
        self._pressed_at: QPointF | None = None
        self._pressed_on = -1
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.resized.connect(self.updateGeometry)

    # ------------------------------------------------------------ what is shown

    def set_result(self, text: str, links: Sequence[Link] = ()) -> None:
        """Show a text with its links."""
        self._source = text
        self.sentences, self.current, self._hovered = list(links), -1, -1
        self._ranges = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if links else Qt.FocusPolicy.NoFocus)
        self.set_text(text)
        self.finish()
        self.setAccessibleName(text[:2_000])

    def append_result(self, text: str) -> None:
        """The text goes on; it has no links yet."""
        self._source += text
        self.append(text)

    def set_current(self, number: int) -> None:
        """Mark a sentence as the chosen one; -1 for none."""
        self.current = number
        if number >= 0:
            link = self.sentences[number]
            sentence = self._source[link.start : link.end]
            self.setAccessibleName(f"{sentence} ({self.describe(link)})")
        self.update()

    def heightForWidth(self, width: int) -> int:
        """As high as its text; what a layout merely asks for leaves the text as it is drawn."""
        if width not in self._heights:
            self._heights[width] = self.lay_out(width)
            self._lay_out()
        return self._heights[width]

    def relayout(self, first: int = 0) -> None:
        """Lay out again from a box on."""
        self._heights.clear()
        self._ranges = None
        super().relayout(first)

    def _lay_out(self) -> None:
        if self.testAttribute(Qt.WidgetAttribute.WA_Resized):
            self.lay_out(self.width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.lay_out(self.width())

    # ------------------------------------------------------------ where sentences are

    def ranges(self) -> list[list[tuple[int, int, int]]]:
        """For each link the boxes and positions in which its sentence is shown."""
        if self._ranges is None:
            self._ranges = self._find_ranges()
        return self._ranges

    def _find_ranges(self) -> list[list[tuple[int, int, int]]]:
        starts, texts, at = [], [], 0
        for box in self.boxes:
            text = box.document.toRawText()
            starts.append(at)
            texts.append(text)
            at += _units(text)
        places = aligned(self._source, "".join(texts))
        # Qt counts in UTF-16, the alignment in characters.
        where: list[tuple[int, int, int]] = []  # source, box, position
        index = 0
        for number, text in enumerate(texts):
            position = 0
            for character in text:
                if places[index] >= 0:
                    where.append((places[index], number, position))
                position += _units(character)
                index += 1
        sources = [place[0] for place in where]
        found = []
        for link in self.sentences:
            first, last = bisect_left(sources, link.start), bisect_left(sources, link.end)
            pieces: dict[int, tuple[int, int]] = {}
            for _, number, position in where[first:last]:
                low, _high = pieces.get(number, (position, position))
                pieces[number] = (low, position + 1)
            found.append([(number, low, high) for number, (low, high) in pieces.items()])
        return found

    def _rects(self, number: int) -> Iterator[QRectF]:
        """The lines of a sentence in the text's coordinates."""
        for index, start, end in self.ranges()[number]:
            if index < len(self.boxes):
                yield from _line_rects(self.boxes[index], start, end)

    def sentence_at(self, point: QPointF) -> int:
        """Which sentence is at a point; -1 for none."""
        near = (number for number in range(len(self.sentences)) if any(
            rect.adjusted(-1, -3, 1, 3).contains(point) for rect in self._rects(number)
        ))  # fmt: skip
        return next(near, -1)

    # ------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """The grounds of sentences, the text, and the lines below what was not found."""
        tokens = self._theme.tokens
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            for number, color in ((self._hovered, tokens.raised), (self.current, tokens.tint)):
                painter.setBrush(QColor(color))
                if number == self._hovered and number != self.current:
                    painter.setPen(QPen(QColor(tokens.border), 1))
                for rect in self._rects(number) if 0 <= number < len(self.sentences) else ():
                    painter.drawRoundedRect(rect.adjusted(-2, 0, 2, 0), 4, 4)
                painter.setPen(Qt.PenStyle.NoPen)
        super().paintEvent(event)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            pen = QPen(QColor(tokens.faint), 1.4, Qt.PenStyle.DotLine)
            for number, link in enumerate(self.sentences):
                if not link.found:
                    painter.setPen(pen)
                    for rect in self._rects(number):
                        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
            if self.hasFocus() and 0 <= self.current < len(self.sentences):
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(QColor(tokens.accent), 2))
                for rect in self._rects(self.current):
                    painter.drawRoundedRect(rect.adjusted(-2, 0, 2, 0), 4, 4)

    # ------------------------------------------------------------ mouse and keyboard

    def mousePressEvent(self, event: QMouseEvent) -> None:
        before = self._pressed_on
        self._pressed_at = event.position() if event.button() == Qt.MouseButton.LeftButton else None
        self._pressed_on = self.sentence_at(event.position())
        if self._pressed_on != before:
            self._clicked_at = 0.0  # quick clicks on two sentences are no double click
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, self._pressed_at = self._pressed_at, None
        box = self._box_at(event.position())
        link = box.link_at(event.position()) if box is not None else ""
        super().mouseReleaseEvent(event)
        if pressed is None or link or self.selected_text():
            return
        number = self.sentence_at(event.position())
        if number >= 0 and number == self._pressed_on:
            self._choose(number)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hovered = -1
        self.update()

    def _hover(self, point: QPointF, at: QPoint) -> None:
        super()._hover(point, at)
        box = self._box_at(point)
        number = self.sentence_at(point) if self.sentences else -1
        if number != self._hovered:
            self._hovered = number
            self.update()
        if number >= 0 and (box is None or not box.link_at(point)):
            self.setCursor(Qt.CursorShape.PointingHandCursor)
            # A tooltip guesses whether its text is HTML; without "<" it cannot be.
            QToolTip.showText(at, self.describe(self.sentences[number]).replace("<", "‹"), self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The arrow keys go from sentence to sentence, Enter shows where one comes from."""
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_Left: -1}.get(
            Qt.Key(event.key())
        )
        if event.matches(QKeySequence.StandardKey.Copy) and self.copy():
            return
        if event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_all()
        elif step is not None and self.sentences and not event.modifiers():
            self._choose(max(0, min(len(self.sentences) - 1, self.current + step)))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.current >= 0:
            self._choose(self.current)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self.current < 0 and self.sentences and event.reason() != Qt.FocusReason.MouseFocusReason:
            self.set_current(0)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def _choose(self, number: int) -> None:
        self.set_current(number)
        self.sentence_chosen.emit(number)

    def place_of(self, number: int) -> QRectF:
        """Where a sentence is, for scrolling to it."""
        whole = QRectF()
        for rect in self._rects(number):
            whole = whole.united(rect)
        return whole


def link_words(link: Link, where: str) -> str:
    """What a tooltip says about a sentence; `where`: such as "part 3, page 12"."""
    if link.found:
        return QCoreApplication.translate("Result", "from {place}").format(place=where)
    text = QCoreApplication.translate("Result", "not found in the text; made of {place}")
    return text.format(place=where)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _line_rects(box: Box, start: int, end: int) -> Iterator[QRectF]:
    """The rectangles of a range of a box, a line each."""
    document, layout = box.document, box.document.documentLayout()
    left, top = box.x + box.inset.x() - box.scroll, box.y + box.inset.y()
    block = document.findBlock(start)
    while block.isValid() and block.position() < end:
        origin = layout.blockBoundingRect(block).topLeft()
        lines = block.layout()
        for number in range(lines.lineCount()):
            line = lines.lineAt(number)
            first = max(start - block.position(), line.textStart())
            last = min(end - block.position(), line.textStart() + line.textLength())
            if first < last:
                x1, x2 = sorted((_x(line.cursorToX(first)), _x(line.cursorToX(last))))
                width = max(2.0, x2 - x1)
                yield QRectF(left + origin.x() + x1, top + origin.y() + line.y(), width, line.height())
        block = block.next()


def _x(found: Any) -> float:
    # PySide gives the position back, too, where it was moved onto a whole character.
    return float(found[0]) if isinstance(found, tuple) else float(found)
