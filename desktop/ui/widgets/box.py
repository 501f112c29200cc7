"""One block of a text as it is drawn: a paragraph, a piece of code, a table, a formula or a rule.

Each is a small QTextDocument of its own, so that wide code and tables scroll sideways by themselves.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QPointF, QRect, QRectF, QSizeF, Qt
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QFont,
    QFontMetrics,
    QImage,
    QPainter,
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
)

from desktop.ui.widgets.code import Line, highlight
from desktop.ui.widgets.formula import Drawing, Formulas
from desktop.ui.widgets.markdown import Block, Span, Spans

if TYPE_CHECKING:
    from desktop.ui.theme import Tokens

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
