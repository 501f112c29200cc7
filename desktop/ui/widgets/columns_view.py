"""Texts beside one another, paragraph by paragraph: row by row, of which only those in view are laid out.

A row has one cell a column, and all cells of a row begin at the same height, so that columns scroll
together whatever the length of their paragraphs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QCoreApplication, QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QFont,
    QGuiApplication,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QTextCharFormat,
    QTextLayout,
    QTextLine,
    QTextOption,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QMenu, QToolTip, QWidget

from desktop.ui.widgets.plain_edit import ENDLESS

if TYPE_CHECKING:
    from desktop.ui.theme import Theme

Look = Literal["plain", "faint", "bold", "code", "inserted", "deleted", "settled", "empty"]
Mark = Literal["", "bad", "info"]

LINE = 22
"""Height of a line; taller glyphs may exceed it."""
PAD = 16
"""Between the edge of a card and its text."""
GUTTER = 12
"""Left of the text, for marks."""
BETWEEN = 12
"""Between two columns."""
HEAD = 34
TOP = 12
NOTE_GAP = 4
NOTE_LINE = 18
MOST_TEXT = 660
LONGEST = 6_000
"""Characters that are laid out at once; a longer paragraph is shown as several rows without a gap."""
KEPT = 3
"""Screens above and below the view for which laid-out rows are kept."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a cell's text that looks the same; `key` tells whose it is, -1 nobody's."""

    text: str
    look: Look = "plain"
    key: int = -1


@dataclass(frozen=True, slots=True)
class Row:
    """One paragraph in every column.

    Attributes:
        cells: the pieces of each column, in order.
        gap: pixels above it.
        mark: how the margin is marked. note: the reason, in words, below the last cell.
        tip: the reason where it is told by the tooltip only.
        of: what the owner knows it by; rows of the same are marked together.
    """

    cells: tuple[tuple[Piece, ...], ...]
    gap: int = 12
    mark: Mark = ""
    note: str = ""
    tip: str = ""
    of: int = -1

    def text(self, column: int) -> str:
        """What a cell says."""
        return "".join(piece.text for piece in self.cells[column])

    def kept(self, column: int, start: int, end: int) -> str:
        """Characters of a cell without what is shown as deleted."""
        parts, at = [], 0
        for piece in self.cells[column]:
            if piece.look != "deleted":
                parts.append(piece.text[max(0, start - at) : max(0, end - at)])
            at += len(piece.text)
        return "".join(parts)


@dataclass(slots=True)
class Laid:
    """A row as it was laid out for a width: what is drawn, and how high it is."""

    layouts: list[QTextLayout]
    note: QTextLayout | None
    note_y: float
    height: float
    texts: list[str] = field(default_factory=list)


Place = tuple[int, int]
"""A row, and a character of its text in the column that is selected in."""


def to_qt(text: str, position: int) -> int:
    """A position of Python's as one of Qt's, which counts UTF-16 units."""
    before = text[:position]
    return position if before.isascii() else len(before.encode("utf-16-le", "surrogatepass")) // 2


def from_qt(text: str, position: int) -> int:
    """A position of Qt's as one of Python's; inside of a pair it is that of the character."""
    if text.isascii():
        return min(position, len(text))
    units = text.encode("utf-16-le", "surrogatepass")[: 2 * position]
    return len(units.decode("utf-16-le", "ignore"))


def split_row(row: Row) -> list[Row]:
    """The row itself, or several without a gap when a cell is too long to be laid out at once."""
    if all(sum(len(piece.text) for piece in cell) <= LONGEST for cell in row.cells):
        return [row]
    columns = [_cut(cell) for cell in row.cells]
    count = max(map(len, columns))
    rows = [
        replace(row, cells=tuple(cells[i] if i < len(cells) else () for cells in columns), gap=0, note="")
        for i in range(count)
    ]
    rows[0] = replace(rows[0], gap=row.gap)
    rows[-1] = replace(rows[-1], note=row.note)
    return rows


def _cut(cell: Sequence[Piece]) -> list[tuple[Piece, ...]]:
    """The pieces in runs of at most LONGEST characters, cut after a blank where there is one."""
    runs: list[tuple[Piece, ...]] = []
    run: list[Piece] = []
    room = LONGEST
    for piece in cell:
        rest = piece.text
        while len(rest) > room:
            at = max(rest.rfind(" ", 0, room), rest.rfind("\n", 0, room)) + 1 or room
            if rest[:at]:
                run.append(replace(piece, text=rest[:at]))
            runs.append(tuple(run))
            rest, run, room = rest[at:], [], LONGEST
        if rest or not piece.text:
            run.append(replace(piece, text=rest))
            room -= len(rest)
    return [*runs, tuple(run)] if run or not runs else runs


class ColumnsView(QAbstractScrollArea):
    """Paragraphs in columns, read with mouse and keyboard.

    What is read stays where it is: the row at the top and how much of it is above the view are held
    while rows around it grow or turn out other than was thought.

    Attributes:
        columns: how many. rows: what is shown; change it by `set_rows` and `set_row`.
        current: the row that is marked; -1 for none. tints: whether that is shown.
        copy_column: whose paragraph is copied and activated when nothing is selected.
    Signals:
        current_changed(int row): another row is marked.
        pressed(int row, int column, int character): the mouse went down on a text.
        activated(int row, int column): a double click or Enter.
        moved: scrolled or laid out anew: what lies over it has to move along.
    """

    current_changed = Signal(int)
    pressed = Signal(int, int, int)
    activated = Signal(int, int)
    moved = Signal()

    def __init__(self, theme: Theme, columns: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme, self.columns = theme, columns
        self.rows: list[Row] = []
        self.current = -1
        self.copy_column = columns - 1
        self.tints = True
        self._laid: dict[int, Laid] = {}
        self._heights: list[float] = []
        self._tops: list[float] = [0.0]
        self._stale = False
        self._anchor: tuple[int, float] = (0, 0.0)  # a row, and how much of its text is above the view
        self._value = 0.0
        self._settling = False
        self._heads: list[QWidget] = []
        self._selected_column = columns - 1
        self._from: Place = (0, 0)
        self._to: Place = (0, 0)
        self._selecting = False
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setAutoFillBackground(False)
        self.viewport().setMouseTracking(True)
        bar = self.verticalScrollBar()
        bar.setSingleStep(3 * LINE)
        bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        bar.valueChanged.connect(self._scrolled)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._restyle)
        theme.changed.connect(lambda: self._again.start(0))

    # ------------------------------------------------------------ what is shown

    def set_columns(self, columns: int) -> None:
        """Show another number of columns; rows have to be set anew."""
        self.columns, self.copy_column = columns, columns - 1
        self.set_rows([])

    def set_heads(self, heads: Sequence[QWidget]) -> None:
        """Put one widget above each column."""
        for old in self._heads:
            old.hide()
            old.deleteLater()
        self._heads = list(heads)
        self.setViewportMargins(0, HEAD if heads else 0, 0, 0)
        for head in self._heads:
            head.setParent(self)
            head.show()
        self._place_heads()

    def set_rows(self, rows: Sequence[Row], *, keep_place: bool = False) -> None:
        """Show these rows, from the top or where the view was."""
        self.rows = list(rows)
        self._laid.clear()
        self._guess()
        self._from = self._to = (0, 0)
        if not keep_place:
            self._anchor = (0, 0.0)
            self.current = -1
        self.current = min(self.current, len(self.rows) - 1)
        self._anchor = (min(self._anchor[0], max(0, len(self.rows) - 1)), self._anchor[1])
        self._settle()

    def set_row(self, index: int, row: Row) -> None:
        """Show another state of a row; call `settle` after the last of several."""
        self.rows[index] = row
        if self._laid.pop(index, None) is None:
            self._heights[index] = self._guessed(row)
            self._stale = True

    def settle(self) -> None:
        """Lay out what is in view and put everything in its place."""
        self._settle()

    def set_current(self, index: int, *, show: bool = True) -> None:
        """Mark a row, and bring it into view."""
        index = max(-1, min(index, len(self.rows) - 1))
        changed, self.current = index != self.current, index
        if show and index >= 0:
            self.bring_into_view(index)
        if changed:
            words = self.rows[index].text(self.copy_column)[:300] if index >= 0 else ""
            self.setAccessibleDescription(" ".join(words.split()))
            self.viewport().update()
            self.current_changed.emit(index)

    def bring_into_view(self, index: int, position: int | None = None, column: int = 0) -> None:
        """Scroll as far as needed to show a row, or the line of a character in it."""
        self._settle()
        start, height, above = 0.0, self._lay(index).height, float(TOP)
        if position is not None:
            rects = self.rects(index, column, position, position + 1)
            if rects:  # with room for a bar below it
                start, height, above = rects[0].top(), rects[0].height() + 40, 2.0 * LINE
        row = self._place_tops()[index] + self.rows[index].gap
        y, room = row + start - self._value, self.viewport().height()
        if y < TOP:
            self._anchor = (index, start - above)
        elif y + height > room - TOP:
            self._anchor = (index, min(start - TOP, start + height - room + 2 * LINE))
        self._settle()

    def scroll_to_row(self, index: int, fraction: float) -> None:
        """Have this much of a row, 0 to 1, above the view's upper edge."""
        if self.rows:
            index = max(0, min(index, len(self.rows) - 1))
            self._anchor = (index, fraction * self._lay(index).height)
            self._settle()

    def top_row(self) -> tuple[int, float]:
        """The row at the view's upper edge, and how much of it is above, 0 to 1."""
        index, above = self._anchor
        if index >= len(self.rows):
            return 0, 0.0
        return index, min(1.0, max(0.0, above / max(1.0, self._heights[index])))

    # ------------------------------------------------------------ geometry

    def column_rect(self, column: int) -> QRectF:
        """The card of a column, in the viewport."""
        room = self.viewport().width() - BETWEEN * (self.columns - 1) - 2
        width = room / self.columns
        return QRectF(1 + column * (width + BETWEEN), 0, width, self.viewport().height())

    def text_span(self, column: int) -> tuple[float, float]:
        """Left edge and width of a column's text."""
        card = self.column_rect(column)
        pad = PAD if card.width() > 240 else 8
        room = max(60.0, card.width() - 2 * pad - GUTTER)
        width = min(room, MOST_TEXT)
        left = card.left() + pad + GUTTER
        if self.columns == 1:
            left = card.left() + max(pad + GUTTER, (card.width() - width) / 2)
        return left, width

    def cell_rect(self, index: int, column: int) -> QRectF:
        """Where a cell's text is, in the viewport."""
        laid = self._lay(index)
        left, width = self.text_span(column)
        top = self._place_tops()[index] + self.rows[index].gap - self.verticalScrollBar().value()
        return QRectF(left, top, width, laid.height)

    def rects(self, index: int, column: int, start: int, end: int) -> list[QRectF]:
        """Where characters of a cell are, a rectangle a line, from the cell's own corner."""
        laid = self._lay(index)
        layout, text = laid.layouts[column], laid.texts[column]
        first, last = to_qt(text, start), to_qt(text, end)
        found = []
        for number in range(layout.lineCount()):
            line = layout.lineAt(number)
            low, high = max(first, line.textStart()), min(last, line.textStart() + line.textLength())
            if low < high or (first == last == low and low <= high):
                left, right = _x(line, low), _x(line, high)
                found.append(QRectF(min(left, right), line.y(), abs(right - left), line.height()))
                if first == last:
                    break
        return found

    def place_at(self, point: QPointF) -> tuple[int, int, int]:
        """Row, column and character nearest to a point of the viewport; row -1 where there are none."""
        if not self.rows:
            return -1, 0, 0
        y = point.y() + self.verticalScrollBar().value()
        index = max(0, min(len(self.rows) - 1, bisect_right(self._place_tops(), y) - 1))
        column = next((c for c in range(self.columns) if point.x() < self.column_rect(c).right()), -1)
        column = column if column >= 0 else self.columns - 1
        return index, column, self._character_at(index, column, point)

    def _character_at(self, index: int, column: int, point: QPointF) -> int:
        laid, cell = self._lay(index), self.cell_rect(index, column)
        layout, text = laid.layouts[column], laid.texts[column]
        y = point.y() - cell.top()
        for number in range(layout.lineCount()):
            line = layout.lineAt(number)
            if y < line.y() + max(line.height(), LINE) or number == layout.lineCount() - 1:
                if number == layout.lineCount() - 1 and y > line.y() + LINE + 4:
                    return len(text)
                at = line.xToCursor(point.x() - cell.left())
                return from_qt(text, int(at))
        return 0

    # ------------------------------------------------------------ laying out

    def _guessed(self, row: Row) -> float:
        width = self.text_span(0)[1]
        in_line = max(8.0, width / 7.2)
        lines = 1.0
        for column in range(min(self.columns, len(row.cells))):
            count = sum(len(p.text) for p in row.cells[column])
            breaks = sum(p.text.count("\n") for p in row.cells[column])
            lines = max(lines, breaks + int(count / in_line) + 1)
        return lines * LINE + (NOTE_GAP + NOTE_LINE if row.note else 0)

    def _guess(self) -> None:
        self._heights = [self._guessed(row) for row in self.rows]
        self._stale = True

    def _place_tops(self) -> list[float]:
        """Where each row begins, its gap included, and at last the bottom of all."""
        if self._stale or len(self._tops) != len(self.rows) + 1:
            each = (height + row.gap for height, row in zip(self._heights, self.rows, strict=True))
            self._tops = list(accumulate(each, initial=float(TOP)))
            self._stale = False
        return self._tops

    def _lay(self, index: int) -> Laid:
        """The row as it is drawn, laid out now if it was not."""
        laid = self._laid.get(index)
        if laid is None:
            laid = self._laid[index] = self._laid_out(self.rows[index])
            if laid.height != self._heights[index]:
                self._heights[index] = laid.height
                self._stale = True
        return laid

    def _laid_out(self, row: Row) -> Laid:
        layouts, texts, height = [], [], float(LINE)
        for column in range(self.columns):
            pieces = row.cells[column] if column < len(row.cells) else ()
            text = "".join(piece.text for piece in pieces)
            layout = QTextLayout(text.replace("\n", "\u2028"), self._font(pieces))
            layout.setFormats(self._formats(pieces))
            height = max(height, _break_lines(layout, text, self.text_span(column)[1], LINE))
            layouts.append(layout)
            texts.append(text)
        note, note_y = None, height + NOTE_GAP
        if row.note:
            note = QTextLayout(row.note.replace("\n", " "), self.theme.font("fact"))
            width = self.text_span(self.columns - 1)[1] - 20
            height = note_y + _break_lines(note, row.note, width, NOTE_LINE)
        return Laid(layouts, note, note_y, height, texts)

    def _font(self, pieces: Sequence[Piece]) -> QFont:
        code = bool(pieces) and all(piece.look == "code" for piece in pieces)
        return self.theme.font("mono" if code else "reading")

    def _formats(self, pieces: Sequence[Piece]) -> list[QTextLayout.FormatRange]:
        ranges, at = [], 0
        for piece in pieces:
            length = to_qt(piece.text, len(piece.text))
            if piece.look != "plain":
                found = QTextLayout.FormatRange()
                found.start, found.length = at, length
                found.format = self.look(piece.look)
                ranges.append(found)
            at += length
        return ranges

    def look(self, look: Look) -> QTextCharFormat:
        """How a piece is drawn: never told apart by colour alone."""
        tokens, form = self.theme.tokens, QTextCharFormat()
        if look == "inserted":
            form.setForeground(QColor(tokens.good))
            form.setBackground(QColor(tokens.good_bg))
            form.setFontUnderline(True)
        elif look == "deleted":
            form.setForeground(QColor(tokens.bad))
            form.setBackground(QColor(tokens.bad_bg))
            form.setFontStrikeOut(True)
        elif look == "settled":
            form.setUnderlineStyle(QTextCharFormat.UnderlineStyle.DotLine)
            form.setUnderlineColor(QColor(tokens.faint))
        elif look in ("faint", "empty"):
            form.setForeground(QColor(tokens.faint))
        elif look == "bold":
            form.setFontWeight(QFont.Weight.Bold)
        return form

    def _settle(self) -> None:
        """Lay out what is in view, keep the anchor, set the scroll bar."""
        if self._settling:
            return
        self._settling = True
        bar, room = self.verticalScrollBar(), self.viewport().height()
        value = most = 0.0
        for _ in range(12):
            tops = self._place_tops()
            most = max(0.0, tops[-1] + TOP - room)
            value = min(most, max(0.0, self._anchored(tops)))
            first, last = self._range(value, value + room)
            for index in range(first, last):
                self._lay(index)
            if not self._stale:
                break
        self._value = value
        bar.setRange(0, round(most))
        bar.setPageStep(max(1, room))
        bar.setValue(round(value))
        self._hold(value)
        self._trim(value, room)
        self._settling = False
        self.viewport().update()
        self.moved.emit()

    def _hold(self, value: float) -> None:
        """Hold the row at the upper edge where it is now."""
        tops, self._anchor = self._place_tops(), (0, 0.0)
        if self.rows and value > 0:
            index = max(0, min(len(self.rows) - 1, bisect_right(tops, value) - 1))
            self._anchor = (index, value - tops[index] - self.rows[index].gap)

    def _anchored(self, tops: list[float]) -> float:
        index, above = self._anchor
        if not self.rows:
            return 0.0
        index = min(index, len(self.rows) - 1)
        return 0.0 if (index, above) == (0, 0.0) else tops[index] + self.rows[index].gap + above

    def _range(self, top: float, bottom: float) -> tuple[int, int]:
        tops, count = self._place_tops(), len(self.rows)
        first = max(0, min(count, bisect_right(tops, top) - 1))
        return first, max(first, min(count, bisect_right(tops, bottom)))

    def _trim(self, value: float, room: int) -> None:
        if len(self._laid) > 200:
            first, last = self._range(value - KEPT * room, value + (KEPT + 1) * room)
            self._laid = {index: laid for index, laid in self._laid.items() if first <= index < last}

    def _scrolled(self, value: int) -> None:
        if not self._settling:
            self._hold(value)
            self._settle()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Nothing to move: everything is painted where it is."""

    def _restyle(self) -> None:
        """Fonts, colours or the width are others: lay out again, where the view was."""
        index, fraction = self.top_row()
        at_top = self._anchor == (0, 0.0)
        self._laid.clear()
        self._guess()
        if self.rows and not at_top:
            self._anchor = (index, fraction * self._lay(index).height)
        self._place_heads()
        self._settle()

    def _place_heads(self) -> None:
        for column, head in enumerate(self._heads):
            card = self.column_rect(column)
            head.setGeometry(round(card.left()), 0, round(card.width()), HEAD)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._restyle()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange) and hasattr(self, "_again"):
            self._again.start(0)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 120)

    # ------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = self.theme.tokens
        with QPainter(self.viewport()) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            cards = QPainterPath()
            for column in range(self.columns):
                card = self.column_rect(column).adjusted(0.5, 0.5, -0.5, -0.5)
                painter.setBrush(QColor(tokens.surface))
                painter.setPen(QPen(QColor(tokens.border), 1))
                painter.drawRoundedRect(card, 12, 12)
                inner = QPainterPath()
                inner.addRoundedRect(card.adjusted(1, 1, -1, -1), 11, 11)
                cards.addPath(inner)
            painter.save()
            painter.setClipPath(cards)
            value, room = self.verticalScrollBar().value(), self.viewport().height()
            for index in range(*self._range(value, value + room)):
                self._paint_row(painter, index)
            painter.restore()
            if self.hasFocus():
                self._paint_ring(painter)

    def _paint_ring(self, painter: QPainter) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(self.theme.tokens.accent), 2))
        for column in range(self.columns):
            painter.drawRoundedRect(self.column_rect(column).adjusted(1, 1, -1, -1), 11, 11)

    def _paint_row(self, painter: QPainter, index: int) -> None:
        row, laid, tokens = self.rows[index], self._lay(index), self.theme.tokens
        of = self.rows[self.current].of if 0 <= self.current < len(self.rows) else None
        current = index == self.current or (of is not None and of >= 0 and row.of == of)
        for column in range(self.columns):
            cell = self.cell_rect(index, column)
            if current and self.tints:
                ground = cell.adjusted(-GUTTER, -4, 8, 4)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(tokens.tint))
                painter.drawRoundedRect(ground, 6, 6)
            last = column == self.columns - 1
            marked = row.mark and (last or row.mark == "bad")
            if marked or (current and self.tints):  # a ground alone would be told by its colour only
                color = tokens.accent
                if marked:
                    color = tokens.bad if row.mark == "bad" else tokens.faint
                painter.fillRect(QRectF(cell.left() - 9, cell.top() + 1, 3, cell.height() - 2), QColor(color))
            painter.setPen(QColor(tokens.text))
            chosen = self._chosen(index, column)
            laid.layouts[column].draw(painter, cell.topLeft(), [chosen] if chosen is not None else [])
            if last and laid.note is not None:
                self._paint_note(painter, row, laid, cell)
        self.paint_over(painter, index)

    def paint_over(self, painter: QPainter, index: int) -> None:
        """For views that draw more over a row."""

    def _paint_note(self, painter: QPainter, row: Row, laid: Laid, cell: QRectF) -> None:
        color = "bad" if row.mark == "bad" else "faint"
        icon = self.theme.pixmap(
            "alert" if row.mark == "bad" else "info", 14, color, ratio=self.devicePixelRatioF()
        )
        painter.drawPixmap(QPointF(cell.left(), cell.top() + laid.note_y + 2), icon)
        painter.setPen(QColor(self.theme.color(color)))
        assert laid.note is not None
        laid.note.draw(painter, QPointF(cell.left() + 20, cell.top() + laid.note_y))

    # ------------------------------------------------------------ selection

    @property
    def _span(self) -> tuple[Place, Place]:
        low, high = sorted((self._from, self._to))
        return low, high

    def _chosen(self, index: int, column: int) -> QTextLayout.FormatRange | None:
        low, high = self._span
        if low == high or column != self._selected_column or not low[0] <= index <= high[0]:
            return None
        text = self._lay(index).texts[column]
        start = to_qt(text, low[1]) if index == low[0] else 0
        end = to_qt(text, high[1]) if index == high[0] else to_qt(text, len(text))
        found = QTextLayout.FormatRange()
        found.start, found.length = start, end - start
        found.format.setBackground(QColor(self.theme.tokens.accent))
        found.format.setForeground(QColor(self.theme.tokens.on_accent))
        return found

    def selected_text(self) -> str:
        """What is selected, as plain text."""
        low, high = self._span
        if low == high:
            return ""
        column, parts = self._selected_column, []
        for index in range(low[0], high[0] + 1):
            row = self.rows[index]
            text = row.text(column)
            end = high[1] if index == high[0] else len(text)
            start = low[1] if index == low[0] else 0
            if index > low[0]:
                parts.append("" if row.gap == 0 else "\n" if row.gap < 8 else "\n\n")
            parts.append(row.kept(column, start, end))
        return "".join(parts)

    def select_all(self) -> None:
        """Select the whole column that was last pointed at."""
        if self.rows:
            last = len(self.rows) - 1
            self._from, self._to = (0, 0), (last, len(self.rows[last].text(self._selected_column)))
            self.viewport().update()

    def copy(self) -> None:
        """Put the selection, or the marked paragraph of the last column, on the clipboard."""
        text = self.selected_text()
        if not text and 0 <= self.current < len(self.rows):
            text = self.rows[self.current].text(self.copy_column)
        if text:
            QGuiApplication.clipboard().setText(text)

    # ------------------------------------------------------------ mouse and keyboard

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index, column, character = self.place_at(event.position())
        if event.button() != Qt.MouseButton.LeftButton or index < 0:
            return
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and column == self._selected_column:
            self._to = (index, character)
        else:
            self._selected_column = column
            self._from = self._to = (index, character)
        self._selecting = True
        self.set_current(index, show=False)
        self.viewport().update()
        self.pressed.emit(index, column, character)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not (self._selecting and event.buttons() & Qt.MouseButton.LeftButton):
            index, column, _ = self.place_at(event.position())
            inside = index >= 0 and self.cell_rect(index, column).contains(event.position())
            shape = Qt.CursorShape.IBeamCursor if inside else Qt.CursorShape.ArrowCursor
            self.viewport().setCursor(shape)
            return
        index, _, _ = self.place_at(event.position())
        character = self._character_at(index, self._selected_column, event.position())
        self._to = (index, character)
        y, bar = event.position().y(), self.verticalScrollBar()
        if y < 0 or y > self.viewport().height():
            bar.setValue(bar.value() + (LINE if y > 0 else -LINE))
        self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._selecting = False

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index, column, _ = self.place_at(event.position())
        if index >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.activated.emit(index, column)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        page = max(LINE, self.viewport().height() - 2 * LINE)
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_all()
        elif event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            event.ignore()
        else:
            match event.key():
                case Qt.Key.Key_Up:
                    self.set_current(max(0, self.current - 1))
                case Qt.Key.Key_Down:
                    self.set_current(self.current + 1)
                case Qt.Key.Key_PageUp:
                    bar.setValue(bar.value() - page)
                case Qt.Key.Key_PageDown | Qt.Key.Key_Space:
                    bar.setValue(bar.value() + page)
                case Qt.Key.Key_Home:
                    bar.setValue(0)
                case Qt.Key.Key_End:
                    self.scroll_to_row(len(self.rows) - 1, 1.0)
                case Qt.Key.Key_Return | Qt.Key.Key_Enter | Qt.Key.Key_F2 if self.current >= 0:
                    self.activated.emit(self.current, self.copy_column)
                case _:
                    event.ignore()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        self.fill_menu(menu)
        menu.exec(event.globalPos())
        menu.deleteLater()

    def fill_menu(self, menu: QMenu) -> None:
        """Add what can be done with the text."""
        menu.addAction(QCoreApplication.translate("Columns", "Copy")).triggered.connect(self.copy)
        menu.addAction(QCoreApplication.translate("Columns", "Select all")).triggered.connect(self.select_all)

    def viewportEvent(self, event: QEvent) -> bool:
        """A marked paragraph tells its reason when it is pointed at."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index, _, _ = self.place_at(QPointF(event.pos()))
            note = (self.rows[index].note or self.rows[index].tip) if index >= 0 else ""
            # A tooltip guesses whether its text is HTML; without "<" it cannot be.
            QToolTip.showText(
                event.globalPos(), note.replace("<", "‹"), self
            ) if note else QToolTip.hideText()
            return True
        return super().viewportEvent(event)


def _x(line: QTextLine, position: int) -> float:
    """Where a character begins in a line; Qt also tells where it looked."""
    found: Any = line.cursorToX(position)
    return float(found[0] if isinstance(found, tuple) else found)


def _break_lines(layout: QTextLayout, text: str, width: float, least: int) -> float:
    """Lay out the lines for a width; gives the height."""
    option = QTextOption()
    wrap = QTextOption.WrapMode
    option.setWrapMode(wrap.WrapAnywhere if ENDLESS.search(text) else wrap.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    y = 0.0
    layout.beginLayout()
    while (line := layout.createLine()).isValid():
        line.setLineWidth(width)
        height = max(float(least), line.height())
        line.setPosition(QPointF(0, y + (height - line.height()) / 2))
        y += height
    layout.endLayout()
    return y
