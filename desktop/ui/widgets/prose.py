"""A text, drawn: the face of what a model wrote.

One widget draws a whole text as boxes under one another, so that a text which grows changes only its
last boxes and only what is in sight is painted. A selection runs through all of them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QPoint, QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFontMetricsF,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QTextCursor,
    QWheelEvent,
)
from PySide6.QtWidgets import QMenu, QPushButton, QToolTip, QWidget

from desktop.ui.widgets.box import BAR, CODE_HEAD, LINE, LIST_INDENT, QUOTE_INDENT, Box, Style, gap
from desktop.ui.widgets.formula import Formulas
from desktop.ui.widgets.markdown import MAX_CODE_CHARS, Block, Stream, plain
from desktop.ui.widgets.selection import Selection

if TYPE_CHECKING:
    from desktop.ui.theme import Theme

MAX_SHOWN = 30_000
"""Characters shown at first; the rest comes on demand."""
MAX_SHOWN_PLAIN = 10_000
READ_SIZE = 4_000
"""Characters read at once, between looks at the clock."""
SLICE_S = 0.012
STREAM_S = 0.008
"""Redraws of a growing text that cost more are made less often."""


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
        self._selection = Selection(self.boxes)
        self._style = self._make_style()
        self._buttons: dict[int, QPushButton] = {}
        self._more: QPushButton | None = None
        self._reset()
        self._width = 0
        self._height = 0
        self._waiting = ""
        self._cost = 0.0
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
        self._selection.clear()

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
        self.boxes[:] = [Box(block, self._style) for block in blocks]
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
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            clip = QRectF(event.rect())
            for index, box in enumerate(self.boxes):
                if box.y > clip.bottom():
                    break
                if box.y + box.height + 20 < clip.top():
                    continue
                self._paint_containers(painter, index)
                box.paint(painter, clip, self._selection.chosen(index), self._is_last(index))

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

    def selected_text(self) -> str:
        """What is selected, as plain text."""
        return self._selection.text()

    def select_all(self) -> None:
        """Select the whole text that is shown."""
        self._selection.select_all()
        self.update()

    def clear_selection(self) -> None:
        """Select nothing."""
        if not self._selection.empty:
            self.update()
        self._selection.clear()

    def select_by_key(self, event: QKeyEvent) -> bool:
        """Move the selection's end as Shift with an arrow key does; False for any other key."""
        moved = self._selection.move_by_key(event)
        self.update()
        return moved

    def copy(self) -> bool:
        """Put the selection on the clipboard; False when there is none."""
        text = self.selected_text()
        if text:
            QGuiApplication.clipboard().setText(text)
        return bool(text)

    def _box_at(self, point: QPointF) -> Box | None:
        for box in self.boxes:
            if QRectF(box.x, box.y, box.width, box.height).contains(point):
                return box
        return None

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
        place = self._selection.place_at(point)
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._selection.extend(place)
        elif self._clicks == 2 and self.boxes:
            self._selection.select_under(place, QTextCursor.SelectionType.WordUnderCursor)
        elif self._clicks == 3 and self.boxes:
            self._selection.select_under(place, QTextCursor.SelectionType.BlockUnderCursor)
        else:
            self._selection.begin(place)
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
                self._selection.extend(self._selection.place_at(point))
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
        if link and self._selection.empty and box is not None and box.link_at(event.position()) == link:
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
