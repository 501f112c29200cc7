"""Blocks of text drawn under one another: the face of what a model wrote.

One widget draws a whole text. Each block is a small QTextDocument of its own, so that a text which
grows changes only its last blocks, wide code and tables scroll sideways by themselves, and only what
is in sight is painted. A selection runs through all blocks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QPoint, QPointF, QRect, QRectF, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QContextMenuEvent,
    QFont,
    QFontMetrics,
    QFontMetricsF,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPyTextObject,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextOption,
    QTextTableFormat,
    QWheelEvent,
)
from PySide6.QtWidgets import QMenu, QPushButton, QToolTip, QWidget

from desktop.ui.widgets.code import Line, highlight
from desktop.ui.widgets.formula import Drawing, Formulas
from desktop.ui.widgets.markdown import MAX_CODE_CHARS, Block, Span, Spans, Stream, plain

if TYPE_CHECKING:
    from desktop.ui.theme import Theme, Tokens

LINE = 22
"""Height of a line that is read; taller glyphs and formulas may exceed it."""
CODE_LINE = 20
LIST_INDENT = 28
QUOTE_INDENT = 16
LEAST_TEXT = 160
CODE_HEAD = 32
CODE_PAD = 12
BAR = 10
"""Room for a sideways scroll bar under what is too wide."""
LONGEST_LINE = 1_000
"""A line of code is broken here: one endless line would be laid out for seconds."""
MAX_SHOWN = 30_000
"""Characters shown at first; the rest comes on demand."""
MAX_SHOWN_PLAIN = 10_000
READ_SIZE = 4_000
"""Characters read at once, between looks at the clock."""
SLICE_S = 0.012
STREAM_S = 0.008
"""Redraws of a growing text that cost more are made less often."""

_FORMULA = int(QTextFormat.ObjectTypes.UserObject) + 1
_INDEX = int(QTextFormat.Property.UserProperty) + 1


@dataclass
class Style:
    """What blocks are drawn with.

    Attributes:
        color: of the text. dark: which colours code takes. compact: smaller, for thinking.
    """

    tokens: Tokens
    reading: QFont
    mono: QFont
    fact: QFont
    color: str
    dark: bool
    formulas: Formulas

    @property
    def formula_size(self) -> float:
        """ziamath's size that goes with the reading font."""
        return self.reading.pixelSize() * 1.2


class _Document(QTextDocument):
    """Loads nothing, whatever a text refers to."""

    def loadResource(self, kind: int, name: Any) -> Any:
        image = QImage(1, 1, QImage.Format.Format_ARGB32)
        image.fill(Qt.GlobalColor.transparent)
        return image


class _FormulaObject(QPyTextObject):
    """Draws the inline formulas of one document."""

    def __init__(self, box: Box) -> None:
        super().__init__(box.document)
        self._box = box

    def intrinsicSize(self, document: QTextDocument, position: int, form: QTextFormat) -> QSizeF:
        drawing = self._box.drawings[form.intProperty(_INDEX)]
        return QSizeF(drawing.width + 2, _object_height(drawing, self._box.style))

    def drawObject(
        self,
        painter: QPainter,
        area: QRectF | QRect,
        document: QTextDocument,
        position: int,
        form: QTextFormat,
    ) -> None:
        rect = QRectF(area)
        drawing = self._box.drawings[form.intProperty(_INDEX)]
        shift = _shift(self._box.style)
        base = rect.height() / 2 + shift if _is_deep(drawing) else rect.height()
        top = rect.top() + base - drawing.ascent
        box = QRectF(rect.left() + 1, top, drawing.width, drawing.ascent + drawing.descent)
        drawing.renderer(self._box.style.color).render(painter, box)


def _is_deep(drawing: Drawing) -> bool:
    """Whether it reaches further below the line than letters do."""
    return drawing.descent > 6


def _object_height(drawing: Drawing, style: Style) -> float:
    # Qt knows objects that stand on the line and objects centred a little above it. A shallow formula
    # stands on it and hangs a little below, a deep one is given as much room below as above.
    if not _is_deep(drawing):
        return drawing.ascent
    return 2 * max(drawing.ascent - _shift(style), drawing.descent + _shift(style))


def _shift(style: Style) -> float:
    """How far above the baseline Qt puts the middle of a centred object."""
    return QFontMetrics(style.reading).xHeight() / 4


class Box:
    """One block as it is drawn.

    Attributes:
        x, y, width, height: where it is in the text's coordinates; `inset` is where its document
            begins. scroll: pixels it is scrolled sideways. drawings: of its inline formulas.
        missing: formulas whose drawing was not ready when it was built.
    """

    def __init__(self, block: Block, style: Style) -> None:
        self.block, self.style = block, style
        self.x = self.y = self.width = self.height = 0.0
        self.scroll = 0.0
        self.inset = QPointF()
        self.content_width = 0.0
        self.drawings: list[Drawing] = []
        self.sources: list[str] = []
        self.missing: set[tuple[str, bool, float]] = set()
        self.document = _Document()
        self.document.setUndoRedoEnabled(False)
        self.document.setDocumentMargin(0)
        self.document.setDefaultFont(style.reading)
        self._handler: _FormulaObject | None = None
        self._colours: list[Line] = []
        self._highlight_due = False
        self._highlight_cost = 0.0
        self._highlighted_at = 0.0
        self._table_frame: Any = None
        match block.kind:
            case "code":
                self._build_code()
            case "table":
                self._build_table()
            case "formula":
                self._build_formula()
            case "rule":
                pass
            case _:
                self._build_text()

    # ---- building

    def _build_text(self) -> None:
        cursor = QTextCursor(self.document)
        cursor.beginEditBlock()
        cursor.setBlockFormat(self._block_format())
        self._insert(cursor, self.block.spans, self._base_format())
        cursor.endEditBlock()

    def _block_format(self) -> QTextBlockFormat:
        form = QTextBlockFormat()
        if self.block.kind != "heading":
            form.setLineHeight(LINE, QTextBlockFormat.LineHeightTypes.MinimumHeight.value)
        return form

    def _base_format(self) -> QTextCharFormat:
        form = QTextCharFormat()
        if self.block.kind == "heading":
            font = QFont(self.style.reading)
            font.setPixelSize({1: 20, 2: 17, 3: 15}.get(self.block.level, 14))
            font.setWeight(QFont.Weight.Bold)  # no less, or CJK fonts stay regular
            form.setFont(font)
        return form

    def _insert(self, cursor: QTextCursor, spans: Spans, base: QTextCharFormat) -> None:
        for span in spans:
            if span.formula and self._insert_formula(cursor, span.text, False):
                continue
            text = span.text
            if span.image:
                template = QCoreApplication.translate("Prose", "[image: {name}]")
                text = template.format(name=span.text.strip() or "?")
            cursor.insertText(text.replace("\n", "\u2028"), self._char_format(span, base))

    def _char_format(self, span: Span, base: QTextCharFormat) -> QTextCharFormat:
        form = QTextCharFormat(base)
        if span.code or span.formula:
            mono = QFont(self.style.mono)
            if self.block.kind == "heading":
                mono.setPixelSize(base.font().pixelSize() - 1)
            form.setFont(mono)
            if span.code:
                form.setBackground(QColor(self.style.tokens.rail if not self.style.dark else "#2F2C29"))
        if span.bold:
            form.setFontWeight(QFont.Weight.Bold)
        if span.italic:
            form.setFontItalic(True)
        if span.strike:
            form.setFontStrikeOut(True)
        if span.image:
            form.setForeground(QColor(self.style.tokens.faint))
        if span.link:
            form.setAnchor(True)
            form.setAnchorHref(span.link)
            form.setForeground(QColor(self.style.tokens.accent))
            form.setFontUnderline(True)
        return form

    def _insert_formula(self, cursor: QTextCursor, source: str, display: bool) -> bool:
        key = (source, display, self.style.formula_size)
        drawing = self.style.formulas.get(*key)
        if drawing is None:
            if not self.style.formulas.known(*key):
                self.missing.add(key)
            return False
        if self._handler is None:
            self._handler = _FormulaObject(self)
            self.document.documentLayout().registerHandler(_FORMULA, self._handler)
        form = QTextCharFormat()
        form.setObjectType(_FORMULA)
        form.setProperty(_INDEX, len(self.drawings))
        form.setFont(self.style.reading)
        if _is_deep(drawing):
            form.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)
        self.drawings.append(drawing)
        self.sources.append(f"$${source}$$" if display else f"${source}$")
        cursor.insertText("\ufffc", form)
        return True

    def _build_formula(self) -> None:
        cursor = QTextCursor(self.document)
        if self._insert_formula(cursor, self.block.text, True):
            self._no_wrap()
        else:
            span = Span(self.block.text, formula=True)
            cursor.insertText(span.text.replace("\n", "\u2028"), self._char_format(span, QTextCharFormat()))

    def _build_code(self) -> None:
        self.document.setDefaultFont(self.style.mono)
        self._no_wrap()
        cursor = QTextCursor(self.document)
        form = QTextBlockFormat()
        form.setLineHeight(CODE_LINE, QTextBlockFormat.LineHeightTypes.MinimumHeight.value)
        cursor.setBlockFormat(form)
        cursor.insertText(_broken(self.block.text))
        self._highlight_due = True
        self.colour()

    def _no_wrap(self) -> None:
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.NoWrap)
        self.document.setDefaultTextOption(option)

    def colour(self) -> bool:
        """Highlight code, unless that was done just now at a high cost; True when it is still due."""
        if self._highlight_due:
            now = time.monotonic()
            # While code grows a line at a time, at most a tenth of the time goes into its colours.
            if now - self._highlighted_at < 10 * self._highlight_cost:
                return True
            self._colours = highlight(self.document, self.block.info, self.style.dark, self._colours)
            self._highlight_due = False
            self._highlighted_at = time.monotonic()
            self._highlight_cost = self._highlighted_at - now
        return False

    def _build_table(self) -> None:
        rows, aligns = self.block.rows, self.block.aligns
        tokens = self.style.tokens
        form = QTextTableFormat()
        form.setBorderCollapse(True)
        form.setBorder(1)
        form.setBorderStyle(QTextTableFormat.BorderStyle.BorderStyle_Solid)
        form.setBorderBrush(QColor(tokens.border))
        form.setCellPadding(6)
        form.setCellSpacing(0)
        form.setHeaderRowCount(1)
        columns = max(1, len(aligns))
        cursor = QTextCursor(self.document)
        cursor.beginEditBlock()
        table = cursor.insertTable(max(1, len(rows)), columns, form)
        flags = {"right": Qt.AlignmentFlag.AlignRight, "center": Qt.AlignmentFlag.AlignHCenter}
        for r, row in enumerate(rows):
            base = QTextCharFormat()
            if r == 0:
                base.setFontWeight(QFont.Weight.Bold)
            for c, spans in enumerate(row[:columns]):
                cell = table.cellAt(r, c)
                if r == 0:
                    ground = cell.format()
                    ground.setBackground(QColor(tokens.rail))
                    cell.setFormat(ground)
                block_format = QTextBlockFormat()
                block_format.setAlignment(flags.get(aligns[c], Qt.AlignmentFlag.AlignLeft))
                inner = cell.firstCursorPosition()
                inner.setBlockFormat(block_format)
                self._insert(inner, spans, base)
        cursor.endEditBlock()
        self._table_frame = table

    # ---- changing

    def grow(self, block: Block) -> bool:
        """Become a block that goes on where this one ends; False when it is another one."""
        old = self.block
        if (block.kind, block.path, block.marker, block.joined, block.level) != (
            (old.kind, old.path, old.marker, old.joined, old.level)
        ) or self.missing:
            return False
        if block.kind == "code":
            return self._grow_code(block)
        return block.kind in ("text", "heading") and self._grow_text(block)

    def _grow_code(self, block: Block) -> bool:
        old = self.block
        more = block.text[len(old.text) :]
        last_line = len(block.text) - block.text.rfind("\n", 0, len(old.text)) - 1
        if block.info != old.info or not block.text.startswith(old.text) or last_line > LONGEST_LINE:
            return False
        cursor = QTextCursor(self.document)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(_broken(more))
        self.block = block
        self._highlight_due = True
        return True

    def _grow_text(self, block: Block) -> bool:
        old, new = self.block.spans, block.spans
        if not old or len(new) < len(old) or new[: len(old) - 1] != old[:-1]:
            return False
        last, next_ = old[-1], new[len(old) - 1]
        if last.formula or last.image or not next_.text.startswith(last.text):
            return False
        rest = Span(next_.text[len(last.text) :], **_look(last))
        if Span(next_.text, **_look(last)) != next_:
            return False
        cursor = QTextCursor(self.document)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.beginEditBlock()
        spans = (rest, *new[len(old) :]) if rest.text else new[len(old) :]
        self._insert(cursor, spans, self._base_format())
        cursor.endEditBlock()
        self.block = block
        return True

    # ---- measuring

    @property
    def wide(self) -> bool:
        """Whether it may scroll sideways at all."""
        return self.block.kind in ("code", "table") or (self.block.kind == "formula" and bool(self.drawings))

    @property
    def room(self) -> float:
        """Width in which its document is seen."""
        return self.width - 2 * self.inset.x()

    @property
    def overflow(self) -> float:
        """Pixels it can be scrolled sideways."""
        return max(0.0, self.content_width - self.room) if self.wide else 0.0

    def lay_out(self, width: float, last: bool = True) -> None:
        """Find the height for a width; `last`: nothing is joined below it."""
        indent = sum(LIST_INDENT if c == "l" else QUOTE_INDENT for c in self.block.path)
        self.x = min(float(indent), max(0.0, width - LEAST_TEXT))
        self.width = width - self.x
        match self.block.kind:
            case "rule":
                self.height = 1.0
            case "code":
                self._lay_out_code(last)
            case "table":
                self._lay_out_table()
            case "formula" if self.drawings:
                self.content_width = self.document.idealWidth()
                self.inset = QPointF(0, 0)
                self.height = self.document.size().height() + (BAR if self.overflow else 0)
                if not self.overflow:
                    self.inset = QPointF((self.width - self.content_width) / 2, 0)
            case _:
                self.document.setTextWidth(self.width)
                self.height = self.document.size().height()
        self.scroll = min(self.scroll, self.overflow)

    def _lay_out_code(self, last: bool) -> None:
        top = 0 if self.block.joined else CODE_HEAD
        self.inset = QPointF(CODE_PAD, top)
        size = self.document.size()
        self.content_width = self.document.idealWidth()
        bottom = (BAR + 4 if self.overflow else CODE_PAD) if last else 0
        self.height = top + size.height() + bottom

    def _lay_out_table(self) -> None:
        self.inset = QPointF(0, 0)
        self.document.setTextWidth(100_000)
        ideal = self.document.idealWidth() + 1
        columns = len(self.block.aligns)
        self.document.setTextWidth(min(ideal, max(self.width, columns * 96.0)))
        # The frame's rectangle counts its outer lines twice; an empty paragraph that Qt keeps under a
        # table is not counted.
        frame = self.document.documentLayout().frameBoundingRect(self._table_frame)
        self.content_width = frame.width() - 2
        self.height = frame.height() - 2 + (BAR if self.overflow else 0)

    # ---- drawing

    def paint(self, painter: QPainter, clip: QRectF, chosen: tuple[int, int] | None, last: bool) -> None:
        """Draw in the text's coordinates; `chosen` are the positions of its selection."""
        tokens = self.style.tokens
        if self.block.kind == "rule":
            painter.fillRect(QRectF(self.x, self.y, self.width, 1), QColor(tokens.border))
            return
        if self.block.kind == "code":
            self._paint_card(painter, last)
        area = QRectF(self.x + self.inset.x(), self.y, max(1.0, self.room), self.height)
        painter.save()
        if self.overflow:
            painter.setClipRect(area, Qt.ClipOperation.IntersectClip)
        painter.translate(area.left() - self.scroll, self.y + self.inset.y())
        context = QAbstractTextDocumentLayout.PaintContext()
        context.palette.setColor(QPalette.ColorRole.Text, QColor(self.style.color))
        context.clip = clip.translated(-area.left() + self.scroll, -self.y - self.inset.y())
        if chosen is not None:
            context.selections = [self._selection(chosen)]
        self.document.documentLayout().draw(painter, context)
        painter.restore()
        if self.overflow:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.border))
            painter.drawRoundedRect(self.bar(), 2, 2)

    def _selection(self, chosen: tuple[int, int]) -> QAbstractTextDocumentLayout.Selection:
        selection = QAbstractTextDocumentLayout.Selection()
        cursor = QTextCursor(self.document)
        cursor.setPosition(chosen[0])
        cursor.setPosition(chosen[1], QTextCursor.MoveMode.KeepAnchor)
        form = QTextCharFormat()
        form.setBackground(QColor(self.style.tokens.accent))
        form.setForeground(QColor(self.style.tokens.on_accent))
        selection.cursor, selection.format = cursor, form
        return selection

    def _paint_card(self, painter: QPainter, last: bool) -> None:
        tokens = self.style.tokens
        card = QRectF(self.x, self.y, self.width, self.height)
        whole = card.adjusted(0.5, -20 if self.block.joined else 0.5, -0.5, -0.5 if last else 20)
        painter.save()
        painter.setClipRect(card, Qt.ClipOperation.IntersectClip)
        painter.setPen(QPen(QColor(tokens.border), 1))
        painter.setBrush(QColor(tokens.surface))
        painter.drawRoundedRect(whole, 8, 8)
        if not self.block.joined:
            painter.setPen(QColor(tokens.faint))
            painter.setFont(self.style.fact)
            label = QRectF(self.x + CODE_PAD, self.y, self.width / 2, CODE_HEAD - 2)
            painter.drawText(label, Qt.AlignmentFlag.AlignVCenter, self.block.info)
        painter.restore()

    def bar(self) -> QRectF:
        """The handle of the sideways scroll bar."""
        room = self.room
        length = max(32.0, room * room / max(1.0, self.content_width))
        at = self.x + self.inset.x() + (room - length) * self.scroll / max(1.0, self.overflow)
        return QRectF(at, self.y + self.height - BAR + 3, length, 4)

    # ---- text

    @property
    def length(self) -> int:
        """The last position in its document."""
        return max(0, self.document.characterCount() - 1)

    def local(self, point: QPointF) -> QPointF:
        """A point of the text as one of the document."""
        return QPointF(point.x() - self.x - self.inset.x() + self.scroll, point.y() - self.y - self.inset.y())

    def position_at(self, point: QPointF) -> int:
        """The position nearest to a point of the text."""
        hit = Qt.HitTestAccuracy.FuzzyHit
        position = self.document.documentLayout().hitTest(self.local(point), hit)
        return min(max(0, position), self.length)

    def link_at(self, point: QPointF) -> str:
        """The address under a point of the text, or nothing."""
        return self.document.documentLayout().anchorAt(self.local(point))

    def text(self, start: int, end: int) -> str:
        """The text between two positions, formulas as their source."""
        cursor = QTextCursor(self.document)
        cursor.setPosition(0)
        cursor.setPosition(min(start, self.length), QTextCursor.MoveMode.KeepAnchor)
        before = cursor.selectedText().count("\ufffc") if self.sources else 0
        cursor.setPosition(min(start, self.length))
        cursor.setPosition(min(end, self.length), QTextCursor.MoveMode.KeepAnchor)
        text = cursor.selectedText()
        for source in self.sources[before:]:
            text = text.replace("\ufffc", source, 1)
        table = {0x2029: "\n", 0x2028: "\n", 0xFDD0: "\n", 0xFDD1: "\n", 0xFFFC: "", 0xA0: " "}
        return text.translate(table)


def _look(span: Span) -> dict[str, Any]:
    return {"bold": span.bold, "italic": span.italic, "strike": span.strike, "code": span.code,
            "link": span.link}  # fmt: skip


def _broken(text: str) -> str:
    if len(text) <= LONGEST_LINE:
        return text
    lines = text.split("\n")
    return "\n".join(
        line[at : at + LONGEST_LINE]
        for line in lines
        for at in (range(0, len(line), LONGEST_LINE) if line else (0,))
    )


def gap(before: Block | None, block: Block, sibling: str = "") -> float:
    """Pixels between two blocks; `sibling` is the mark of the list item before at this depth."""
    if before is None or block.joined:
        return 0.0
    if before.kind == "text" and before.marker and not before.spans and block.path.startswith(before.path):
        return -float(LINE)  # a list that opens an item stands on the line of the item's mark
    if block.kind == "heading":
        return 20.0 if block.level <= 2 else 16.0
    if before.kind == "heading":
        return 6.0
    same_list = sibling[-1:] == "." if block.marker[-1:] == "." else sibling[-1:] != "."
    if block.marker and before.path.startswith(block.path) and before.kind != "code":
        return 4.0 if same_list else 12.0
    if block.marker and block.path[:-1] == before.path and before.path:
        return 4.0
    if block.kind == "rule" or before.kind == "rule":
        return 16.0
    return 12.0


Place = tuple[int, int]
"""A box and a position in it."""


class Prose(QWidget):
    """A text, drawn.

    Signals:
        resized: its height for the present width is different now.
        link_activated: a link was clicked; the full address.
        pressed: a selection may begin; dragged: it is being drawn, at a global point.
    """

    resized = Signal()
    link_activated = Signal(str)
    pressed = Signal()
    dragged = Signal(QPoint)

    def __init__(
        self, theme: Theme, formulas: Formulas, *, markdown: bool = True, color: str = "text",
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._theme, self._formulas = theme, formulas
        self._markdown, self._color = markdown, color
        self.boxes: list[Box] = []
        self._style = self._make_style()
        self._buttons: dict[int, QPushButton] = {}
        self._more: QPushButton | None = None
        self._reset()
        self._width = 0
        self._height = 0
        self._waiting = ""
        self._cost = 0.0
        self._anchor: Place = (0, 0)
        self._caret: Place = (0, 0)
        self._pressed_link = ""
        self._dragging_bar: tuple[Box, float] | None = None
        self._selecting = False
        self._clicks = 0
        self._clicked_at = 0.0
        self._slice_timer = _single_shot(self, self._next_slice)
        self._stream_timer = _single_shot(self, self._flush)
        self._colour_timer = _single_shot(self, self._colour)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        theme.changed.connect(self._restyle)
        formulas.ready.connect(self._drawn)

    # ---- what is shown

    def set_text(self, text: str) -> None:
        """Show another text."""
        self._reset()
        self._pending = text
        self.boxes.clear()
        self._next_slice()

    def append(self, text: str) -> None:
        """The text goes on."""
        if self._pending:
            self._pending += text
            return
        self._waiting += text
        if self._cost <= STREAM_S:
            self._flush()
        elif not self._stream_timer.isActive():
            self._stream_timer.start(int(min(1.0, 4 * self._cost) * 1000))

    def finish(self) -> None:
        """The text is complete."""
        self._flush()
        if not self._pending and self._markdown:
            self.relayout(self._refresh_boxes(self._stream.finish(), self._stream.blocks))

    def shows_everything(self) -> bool:
        """Whether no text is left to be read in later slices or on demand."""
        return not self._pending and not self._waiting

    def _reset(self) -> None:
        self._stream = Stream()
        self._pending = ""
        self._plain = ""
        self._plain_at = 0
        self._waiting = ""
        self._shown = 0
        self._limit = MAX_SHOWN if self._markdown else MAX_SHOWN_PLAIN
        self._anchor = self._caret = (0, 0)

    def _flush(self) -> None:
        text, self._waiting = self._waiting, ""
        if text:
            start = time.perf_counter()
            self._limit += len(text)
            self.relayout(self._read(text))
            self._cost = time.perf_counter() - start

    def _next_slice(self) -> None:
        """Read on for some milliseconds, up to what is shown without asking."""
        start = time.perf_counter()
        first = len(self.boxes)
        while self._pending and self._shown < self._limit and time.perf_counter() - start < SLICE_S:
            size = min(READ_SIZE, self._limit - self._shown)
            piece, self._pending = self._pending[:size], self._pending[size:]
            first = min(first, self._read(piece))
        if self._pending and self._shown < self._limit:
            self._slice_timer.start(0)
        self._place_more()
        self.relayout(first)

    def _read(self, text: str) -> int:
        """Read more text into boxes; gives the first box that may have changed."""
        self._shown += len(text)
        if self._markdown:
            return self._refresh_boxes(self._stream.append(text), self._stream.blocks)
        # Plain text: whole pieces stay as they are, only the last one grows.
        self._plain += text
        blocks = plain(self._plain)
        if self._plain_at and blocks:
            blocks[0] = Block("text", blocks[0].spans, joined=True)
        before = [box.block for box in self.boxes[: self._plain_at]]
        first = self._refresh_boxes(self._plain_at, before + blocks)
        self._plain_at += len(blocks) - 1
        self._plain = blocks[-1].spans[0].text
        return first

    def _refresh_boxes(self, first: int, blocks: list[Block]) -> int:
        """Make boxes for the blocks from `first` on; those that stayed the same are kept.

        Gives the first box that is not.
        """
        while first < min(len(blocks), len(self.boxes)) and self.boxes[first].block == blocks[first]:
            first += 1
        for index in range(first, len(blocks)):
            block = blocks[index]
            if index < len(self.boxes):
                old = self.boxes[index]
                if old.block == block:
                    continue
                if old.grow(block):
                    if block.kind == "code" and old.colour():
                        self._colour_timer.start(100)
                    continue
                self.boxes[index] = Box(block, self._style)
                self.boxes[index].scroll = old.scroll
            else:
                self.boxes.append(Box(block, self._style))
        del self.boxes[len(blocks) :]
        return first

    def _colour(self) -> None:
        if any([box.colour() for box in self.boxes[-2:]]):
            self._colour_timer.start(100)
        self.update()

    def _make_style(self) -> Style:
        theme = self._theme
        reading = theme.font("reading")
        mono = theme.font("mono")
        tokens = theme.tokens
        dark = QColor(tokens.bg).lightness() < 128
        return Style(
            tokens, reading, mono, theme.font("fact"), getattr(tokens, self._color), dark, self._formulas
        )

    def _restyle(self) -> None:
        self._style = self._make_style()
        blocks = [box.block for box in self.boxes]
        self.boxes = [Box(block, self._style) for block in blocks]
        self.relayout()

    def _drawn(self, keys: set[tuple[str, bool, float]]) -> None:
        changed = False
        for index, box in enumerate(self.boxes):
            if box.missing & keys:
                self.boxes[index] = Box(box.block, self._style)
                changed = True
        if changed:
            self.relayout()

    # ---- layout

    def lay_out(self, width: int) -> int:
        """Lay out for a width; gives the height."""
        if width != self._width:
            self._width = width
            self._flow(0)
        return self._height

    def relayout(self, first: int = 0) -> None:
        """Lay out again from a box on, and say so when the height is another."""
        before = self._height
        if self._width:
            self._flow(first)
        top = int(self.boxes[first - 1].y) if 0 < first <= len(self.boxes) else 0
        self.update(QRect(0, top, self.width(), max(self.height(), self._height) - top))
        if self._height != before:
            self.resized.emit()

    def ideal_width(self, width: int) -> int:
        """The least width at which nothing breaks earlier than at `width`."""
        self.lay_out(width)
        widest = max((box.x + box.document.idealWidth() for box in self.boxes), default=0.0)
        return min(width, int(widest) + 2)

    def _flow(self, first: int) -> None:
        first = max(0, min(first, len(self.boxes)) - 1)  # the one before may end differently now
        before = self.boxes[first - 1] if first else None
        y = before.y + before.height if before is not None else 0.0
        for index in range(first, len(self.boxes)):
            box = self.boxes[index]
            above = before.block if before is not None else None
            box.y = round(y + gap(above, box.block, self._sibling(index)))
            box.lay_out(self._width, self._is_last(index))
            y = max(y, box.y + box.height)
            before = box
        self._place_buttons()
        if self._more is not None:
            size = self._more.sizeHint()
            self._more.setGeometry(0, int(y) + 8, size.width(), size.height())
            y += 8 + size.height()
        self._height = int(y + 0.999)

    def _sibling(self, index: int) -> str:
        """The mark of the item before this one in its list, or in the list that ends before it."""
        block = self.boxes[index].block
        if block.marker:
            for box in reversed(self.boxes[max(0, index - 40) : index]):
                if box.block.path == block.path and box.block.marker:
                    return box.block.marker
        return block.marker

    def _is_last(self, index: int) -> bool:
        return index + 1 >= len(self.boxes) or not self.boxes[index + 1].block.joined

    def _place_buttons(self) -> None:
        """One copy button for each piece of code."""
        wanted = [i for i, box in enumerate(self.boxes) if box.block.kind == "code" and not box.block.joined]
        for index in [i for i in self._buttons if i not in wanted]:
            self._buttons.pop(index).deleteLater()
        for index in wanted:
            if index not in self._buttons:
                self._buttons[index] = self._copy_button(index)
            box, button = self.boxes[index], self._buttons[index]
            size = button.sizeHint()
            button.setGeometry(
                int(box.x + box.width) - size.width() - 4, int(box.y) + (CODE_HEAD - size.height()) // 2,
                size.width(), size.height(),
            )  # fmt: skip
            button.show()

    def _copy_button(self, index: int) -> QPushButton:
        button = QPushButton(QCoreApplication.translate("Prose", "Copy"), self)
        button.setProperty("role", "link")
        button.setAccessibleName(QCoreApplication.translate("Prose", "Copy this code"))
        button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.clicked.connect(lambda: self._copy_code(index))
        return button

    def _copy_code(self, index: int) -> None:
        QGuiApplication.clipboard().setText(self.code_at(index))
        button = self._buttons[index]
        button.setText(QCoreApplication.translate("Prose", "Copied"))
        self._place_buttons()
        QTimer.singleShot(1500, button, lambda: button.setText(QCoreApplication.translate("Prose", "Copy")))

    def code_at(self, index: int) -> str:
        """The whole code that begins in a box, as it was written."""
        parts = [self.boxes[index].block.text]
        before = self.boxes[index].block
        for box in self.boxes[index + 1 :]:
            if not box.block.joined:
                break
            # A piece that was full of characters was cut inside a line.
            parts.append(("" if len(before.text) == MAX_CODE_CHARS else "\n") + box.block.text)
            before = box.block
        return "".join(parts)

    def stops(self) -> list[QWidget]:
        """The controls in it, from top to bottom."""
        found: list[QWidget] = [self._buttons[index] for index in sorted(self._buttons)]
        return [*found, self._more] if self._more is not None else found

    def _place_more(self) -> None:
        left = len(self._pending) if self._shown >= self._limit else 0
        if not left:
            if self._more is not None:
                self._more.deleteLater()
                self._more = None
            return
        if self._more is None:
            self._more = QPushButton(self)
            self._more.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            self._more.clicked.connect(self._show_more)
        text = QCoreApplication.translate("Prose", "Show more ({count} characters left)")
        self._more.setText(text.format(count=self.locale().toString(left)))
        self._more.show()

    def _show_more(self) -> None:
        self._limit += MAX_SHOWN
        self._next_slice()

    # ---- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        clip = QRectF(event.rect())
        low, high = self._range()
        for index, box in enumerate(self.boxes):
            if box.y > clip.bottom():
                break
            if box.y + box.height + 20 < clip.top():
                continue
            self._paint_containers(painter, index)
            chosen = None
            if low != high and low[0] <= index <= high[0]:
                chosen = (low[1] if index == low[0] else 0, high[1] if index == high[0] else box.length)
            box.paint(painter, clip, chosen, self._is_last(index))

    def _paint_containers(self, painter: QPainter, index: int) -> None:
        box, tokens = self.boxes[index], self._style.tokens
        before = self.boxes[index - 1] if index else None
        x = 0.0
        for depth, container in enumerate(box.block.path):
            if container == "q":
                shared = before is not None and before.block.path[: depth + 1] == box.block.path[: depth + 1]
                top = before.y + before.height if shared and before is not None else box.y
                bar = QRectF(x, min(top, box.y), 3, box.y + box.height - min(top, box.y))
                painter.fillRect(bar, QColor(tokens.border))
            x += LIST_INDENT if container == "l" else QUOTE_INDENT
        if box.block.marker:
            painter.setPen(QColor(tokens.muted))
            painter.setFont(self._style.reading)
            left = box.x - LIST_INDENT - 40
            height = box.height if box.block.kind == "heading" else LINE
            if box.block.kind in ("text", "heading") and box.document.firstBlock().isValid():
                line = box.document.firstBlock().layout().lineAt(0)
                if line.isValid():
                    baseline = box.y + line.y() + line.ascent()
                    width = QFontMetricsF(self._style.reading).horizontalAdvance(box.block.marker)
                    painter.drawText(QPointF(box.x - 8 - width, baseline), box.block.marker)
                    return
            rect = QRectF(left, box.y, LIST_INDENT + 32, height)
            painter.drawText(
                rect, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, box.block.marker
            )

    # ---- selection

    def _range(self) -> tuple[Place, Place]:
        last = len(self.boxes) - 1
        if last < 0:
            return (0, 0), (0, 0)

        def clamp(place: Place) -> Place:
            index = min(place[0], last)
            return index, min(place[1], self.boxes[index].length)

        low, high = sorted((clamp(self._anchor), clamp(self._caret)))
        return low, high

    def selected_text(self) -> str:
        """What is selected, as plain text."""
        low, high = self._range()
        return "".join(self._selected_parts(low, high)) if low != high else ""

    def _selected_parts(self, low: Place, high: Place) -> Iterator[str]:
        for index in range(low[0], high[0] + 1):
            box = self.boxes[index]
            start = low[1] if index == low[0] else 0
            if index > low[0]:
                tight = (
                    box.block.joined or 0 < gap(self.boxes[index - 1].block, box.block, box.block.marker) < 12
                )
                yield "\n" if tight else "\n\n"
                if box.block.marker:
                    yield box.block.marker.replace("•", "-") + " "
            yield box.text(start, high[1] if index == high[0] else box.length)

    def select_all(self) -> None:
        """Select the whole text that is shown."""
        self._anchor = (0, 0)
        self._caret = (len(self.boxes) - 1, self.boxes[-1].length) if self.boxes else (0, 0)
        self.update()

    def clear_selection(self) -> None:
        """Select nothing."""
        if self._anchor != self._caret:
            self._anchor = self._caret
            self.update()

    def select_by_key(self, event: QKeyEvent) -> bool:
        """Move the selection's end as Shift with an arrow key does; False for any other key."""
        moves = {
            QKeySequence.StandardKey.SelectNextChar: QTextCursor.MoveOperation.NextCharacter,
            QKeySequence.StandardKey.SelectPreviousChar: QTextCursor.MoveOperation.PreviousCharacter,
            QKeySequence.StandardKey.SelectNextWord: QTextCursor.MoveOperation.NextWord,
            QKeySequence.StandardKey.SelectPreviousWord: QTextCursor.MoveOperation.PreviousWord,
            QKeySequence.StandardKey.SelectNextLine: QTextCursor.MoveOperation.Down,
            QKeySequence.StandardKey.SelectPreviousLine: QTextCursor.MoveOperation.Up,
            QKeySequence.StandardKey.SelectStartOfLine: QTextCursor.MoveOperation.StartOfLine,
            QKeySequence.StandardKey.SelectEndOfLine: QTextCursor.MoveOperation.EndOfLine,
        }
        operation = next((move for key, move in moves.items() if event.matches(key)), None)
        if operation is None or not self.boxes:
            return False
        self._move(operation)
        self.update()
        return True

    def _move(self, operation: QTextCursor.MoveOperation) -> None:
        index = min(self._caret[0], len(self.boxes) - 1)
        box = self.boxes[index]
        cursor = QTextCursor(box.document)
        cursor.setPosition(min(self._caret[1], box.length))
        moved = cursor.movePosition(operation)
        back = operation in (
            QTextCursor.MoveOperation.PreviousCharacter,
            QTextCursor.MoveOperation.PreviousWord,
            QTextCursor.MoveOperation.Up,
        )
        ends = (QTextCursor.MoveOperation.StartOfLine, QTextCursor.MoveOperation.EndOfLine)
        if moved or operation in ends:
            self._caret = (index, cursor.position())
        elif back and index:
            self._caret = (index - 1, self.boxes[index - 1].length)
        elif not back and index + 1 < len(self.boxes):
            self._caret = (index + 1, 0)

    def _place_at(self, point: QPointF) -> Place:
        index = next((i for i, box in enumerate(self.boxes) if point.y() < box.y + box.height), None)
        if index is None:
            return (len(self.boxes) - 1, self.boxes[-1].length) if self.boxes else (0, 0)
        return index, self.boxes[index].position_at(point)

    def _box_at(self, point: QPointF) -> Box | None:
        for box in self.boxes:
            if QRectF(box.x, box.y, box.width, box.height).contains(point):
                return box
        return None

    def copy(self) -> bool:
        """Put the selection on the clipboard; False when there is none."""
        text = self.selected_text()
        if text:
            QGuiApplication.clipboard().setText(text)
        return bool(text)

    # ---- mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        point = event.position()
        box = self._box_at(point)
        if box is not None and box.overflow and point.y() > box.y + box.height - BAR:
            self._dragging_bar = (box, point.x())
            return
        self._pressed_link = box.link_at(point) if box is not None else ""
        self.pressed.emit()
        self._select_from(point, event)

    def _select_from(self, point: QPointF, event: QMouseEvent) -> None:
        now = time.monotonic()
        interval = QGuiApplication.styleHints().mouseDoubleClickInterval() / 1000
        self._clicks = self._clicks + 1 if now - self._clicked_at < interval else 1
        self._clicked_at = now
        place = self._place_at(point)
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._caret = place
        elif self._clicks in (2, 3) and self.boxes:
            under = (
                QTextCursor.SelectionType.WordUnderCursor
                if self._clicks == 2
                else QTextCursor.SelectionType.BlockUnderCursor
            )
            cursor = QTextCursor(self.boxes[place[0]].document)
            cursor.setPosition(place[1])
            cursor.select(under)
            self._anchor = (place[0], cursor.selectionStart())
            self._caret = (place[0], cursor.selectionEnd())
        else:
            self._anchor = self._caret = place
        self._selecting = True
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point = event.position()
        if self._dragging_bar is not None:
            box, start = self._dragging_bar
            room = max(1.0, box.room - box.bar().width())
            self._scroll_box(box, (point.x() - start) * box.overflow / room)
            self._dragging_bar = (box, point.x())
        elif event.buttons() & Qt.MouseButton.LeftButton and self._selecting:
            if self._clicks == 1:
                self._caret = self._place_at(point)
                self.update()
            self.dragged.emit(event.globalPosition().toPoint())
        else:
            self._hover(point, event.globalPosition().toPoint())

    def _hover(self, point: QPointF, at: QPoint) -> None:
        box = self._box_at(point)
        link = box.link_at(point) if box is not None else ""
        over_bar = box is not None and box.overflow and point.y() > box.y + box.height - BAR
        shape = Qt.CursorShape.IBeamCursor if box is not None and not over_bar else Qt.CursorShape.ArrowCursor
        self.setCursor(Qt.CursorShape.PointingHandCursor if link else shape)
        if link:
            # A tooltip guesses whether its text is HTML; without "<" it cannot be.
            QToolTip.showText(at, link.replace("<", "%3C")[:300], self)
        elif QToolTip.isVisible():
            QToolTip.hideText()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragging_bar = None
        self._selecting = False
        link, self._pressed_link = self._pressed_link, ""
        box = self._box_at(event.position())
        if link and self._anchor == self._caret and box is not None and box.link_at(event.position()) == link:
            self.link_activated.emit(link)

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta() / 2
        sideways = delta.x()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and not sideways:
            sideways = delta.y()
        box = self._box_at(event.position())
        if box is not None and box.overflow and abs(sideways) > 0 and abs(sideways) >= abs(delta.y()):
            self._scroll_box(box, -sideways)
            event.accept()
        else:
            event.ignore()

    def _scroll_box(self, box: Box, by: float) -> None:
        index = self.boxes.index(box)
        first = last = index
        while first and self.boxes[first].block.joined:
            first -= 1
        while not self._is_last(last):
            last += 1
        for other in self.boxes[first : last + 1]:
            other.scroll = min(max(0.0, box.scroll + by if other is box else box.scroll), other.overflow)
        for other in self.boxes[first : last + 1]:
            other.scroll = min(box.scroll, other.overflow)
        self.update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        point = QPointF(event.pos())
        menu = QMenu(self)
        self.fill_menu(menu, point)
        menu.exec(event.globalPos())
        menu.deleteLater()

    def fill_menu(self, menu: QMenu, point: QPointF | None) -> None:
        """Add what can be done with the text, and with the link at a point."""
        copy = menu.addAction(QCoreApplication.translate("Prose", "Copy selection"))
        copy.setEnabled(bool(self.selected_text()))
        copy.triggered.connect(self.copy)
        menu.addAction(QCoreApplication.translate("Prose", "Select all")).triggered.connect(self.select_all)
        box = self._box_at(point) if point is not None else None
        links = [box.link_at(point)] if box is not None and point is not None else self.links()[:10]
        for link in filter(None, links):
            menu.addSeparator()
            text = QCoreApplication.translate("Prose", "Open {url}").format(url=link[:80].replace("&", "&&"))
            menu.addAction(text).triggered.connect(lambda _=False, url=link: self.link_activated.emit(url))
            copy_link = menu.addAction(QCoreApplication.translate("Prose", "Copy address"))
            copy_link.triggered.connect(lambda _=False, url=link: QGuiApplication.clipboard().setText(url))

    def links(self) -> list[str]:
        """All addresses in the text, in order, each once."""
        cells = (cell for box in self.boxes for row in box.block.rows for cell in row)
        runs = [*(box.block.spans for box in self.boxes), *cells]
        return list(dict.fromkeys(span.link for spans in runs for span in spans if span.link))


def _single_shot(parent: QWidget, call: Any) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.timeout.connect(call)
    return timer
