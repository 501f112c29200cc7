"""The conversation as it is read: a scrolling column of messages of which only those in view exist."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QHideEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QPushButton, QWidget

from desktop.ui.widgets import code, formula
from desktop.ui.widgets.box import LINE
from desktop.ui.widgets.formula import Formulas
from desktop.ui.widgets.message import ACTIONS, SIDE, Entry, MessageView, file_name, note_thinking
from desktop.ui.widgets.prose import MAX_SHOWN, MAX_SHOWN_PLAIN

if TYPE_CHECKING:
    from desktop.ui.jobs import Jobs
    from desktop.ui.theme import Theme
    from desktop.workbench.store import MessageRow

COLUMN = 660
EDGE = 24
TOP, BOTTOM = 16, 16
BETWEEN = 4
CHARACTERS = 80
"""In a line of the column, for estimates."""
STEP = 3 * LINE
MANY = 2_000
"""New messages at once that take so long to look at that the window has to breathe."""


class Transcript(QAbstractScrollArea):
    """Shows messages, follows an answer while it streams, and says what the user wants done.

    Where the user reads is held by an anchor, a message and its distance from the top of the view;
    heights that turn out other than estimated change what is around it and never move it.

    Attributes:
        model_name: gives the words for a model above its answers; may be replaced.
        busy: the message that is being generated.
    Signals:
        `..._requested` with the id of the message; `edit_submitted` with id and new text;
        `branch_requested` with id and -1 or 1; `link_activated` with a full address.
    """

    copy_requested = Signal(str)
    edit_requested = Signal(str)
    edit_submitted = Signal(str, str)
    regenerate_requested = Signal(str)
    continue_requested = Signal(str)
    branch_requested = Signal(str, int)
    delete_requested = Signal(str)
    saw_requested = Signal(str)
    summarize_requested = Signal(str)
    rewrite_requested = Signal(str)
    restart_requested = Signal(str)
    link_activated = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, jobs: Jobs | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.formulas = Formulas(jobs, self)
        self.model_name: Callable[[str], str] = file_name
        self.busy: str | None = None
        self._entries: list[Entry] = []
        self._heights: list[int] = []
        self._estimated_for = 0
        self._known_tops = [TOP]
        self._stale = 0
        self._index: dict[str, int] = {}
        self._views: dict[str, MessageView] = {}
        self._anchor = (0, 0)
        self._follow = True
        self._settling = False
        self._focused: str | None = None
        self._leaving = False
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(QCoreApplication.translate("Transcript", "Conversation"))
        self.viewport().setAutoFillBackground(False)
        self.verticalScrollBar().setSingleStep(STEP)
        self.verticalScrollBar().setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self._jump = self._jump_button()
        self._prefetch = QTimer(self)
        self._prefetch.setSingleShot(True)
        self._prefetch.timeout.connect(self._build_ahead)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._settle)
        if jobs is not None:
            jobs.run(_warm_up, failed=lambda error: None)
        QApplication.instance().focusChanged.connect(self._focus_changed)  # type: ignore[union-attr]

    def _jump_button(self) -> QPushButton:
        button = QPushButton(QCoreApplication.translate("Transcript", "Jump to latest"), self)
        button.setAccessibleName(button.text())
        button.setIcon(self.theme.icon("chevron-down"))
        button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        button.clicked.connect(self.jump_to_latest)
        button.hide()
        return button

    # ---- what is shown

    def set_messages(self, rows: Sequence[MessageRow]) -> None:
        """Show a conversation. Messages that were shown before stay as they are, and so does the place."""
        known = {row.id for row in rows} & self._index.keys()
        kept = {id: self._entries[self._index[id]] for id in known}
        heights = {id: self._heights[self._index[id]] for id in known}
        anchor = self._entries[self._anchor[0]].row.id if self._anchor[0] < len(self._entries) else ""
        for message_id in self._views.keys() - known:
            self._release(message_id)
        # Thousands at once, as the heights below: what is done for each of them counts.
        self._entries = [_renewed(kept[row.id], row) if row.id in known else Entry(row) for row in rows]
        self._index = {row.id: index for index, row in enumerate(rows)}
        in_line = self._in_line()
        self._heights = [
            heights[row.id] if row.id in known else _estimate(entry, in_line)
            for row, entry in zip(rows, self._entries, strict=True)
        ]
        self._stale = 0
        with self._one_settling():
            for message_id, view in self._views.items():
                index = self._index[message_id]
                view.replace(self._entries[index])
                self._measure(index)
        if anchor in self._index:
            self._anchor = (self._index[anchor], self._anchor[1])
        else:
            self._follow, self._anchor = True, (0, 0)
        if len(rows) - len(known) < MANY:
            self._settle()
        else:  # so many were looked at that building the last ones waits for a turn of its own
            self._prefetch.stop()
            self._later.start(0)

    def add_message(self, row: MessageRow) -> None:
        """A message at the end."""
        if row.id in self._index:
            self.update_message(row)
            return
        before = len(self._entries) - 1
        entry = Entry(row)
        self._index[row.id] = len(self._entries)
        self._entries.append(entry)
        self._heights.append(_estimate(entry, self._in_line()))
        self._stale = min(self._stale, len(self._heights) - 1)
        if row.role == "user":
            self._follow = True
        if before >= 0:
            self._refresh(before)  # it is no longer the last one
        self._settle()

    def update_message(self, row: MessageRow) -> None:
        """Show the new state of a message; unknown ones are ignored."""
        index = self._index.get(row.id)
        if index is None:
            return
        self._entries[index] = _renewed(self._entries[index], row)
        view = self._views.get(row.id)
        if view is not None:
            with self._one_settling():
                view.replace(self._entries[index])
                self._measure(index)
        else:
            self._set_height(index, _estimate(self._entries[index], self._in_line()))
        self._settle()

    def append_text(self, message_id: str, text: str) -> None:
        """An answer goes on."""
        index = self._index.get(message_id)
        if index is None or not text:
            return
        entry = self._entries[index]
        entry.content += text
        entry.progress = ""
        self._grown(index, lambda view: view.append_text(text))

    def append_thinking(self, message_id: str, text: str) -> None:
        """The thinking before an answer goes on."""
        index = self._index.get(message_id)
        if index is None or not text:
            return
        entry = self._entries[index]
        entry.thinking += text
        entry.progress = ""
        note_thinking(entry)
        self._grown(index, lambda view: view.append_thinking(text))

    def _grown(self, index: int, show: Callable[[MessageView], None]) -> None:
        view = self._views.get(self._entries[index].row.id)
        if view is None:
            self._set_height(index, _estimate(self._entries[index], self._in_line()))
        else:
            with self._one_settling():
                show(view)
                self._measure(index)
        self._settle()

    def set_progress(self, message_id: str, text: str) -> None:
        """A faint line about what is happening before there is text; "" hides it."""
        index = self._index.get(message_id)
        if index is not None and self._entries[index].progress != text:
            self._entries[index].progress = text
            self._refresh(index)

    def set_busy(self, message_id: str | None) -> None:
        """Which message is being generated; hides what cannot be done meanwhile."""
        if message_id != self.busy:
            self.busy = message_id
            for shown in list(self._views):
                self._refresh(self._index[shown])

    def clear(self) -> None:
        """Show nothing."""
        self.set_messages([])

    def row_count(self) -> int:
        """How many messages there are."""
        return len(self._entries)

    def view(self, message_id: str) -> MessageView | None:
        """The widget of a message, if it is in view."""
        return self._views.get(message_id)

    def is_last(self, message_id: str) -> bool:
        """Whether it is the last message."""
        return bool(self._entries) and self._entries[-1].row.id == message_id

    def jump_to_latest(self) -> None:
        """Go to the end and follow it."""
        self._follow = True
        self._settle()

    def start_edit(self, message_id: str) -> None:
        """Bring a message into view and open its text for editing."""
        index = self._index.get(message_id)
        if index is not None:
            self._focus_message(index, Qt.FocusReason.ShortcutFocusReason)
            self._views[message_id].start_edit(self._entries[index].content)

    @property
    def following(self) -> bool:
        """Whether the view stays at the end while text arrives."""
        return self._follow

    def _refresh(self, index: int) -> None:
        view = self._views.get(self._entries[index].row.id)
        if view is not None:
            with self._one_settling():
                view.refresh()
            if self._measure(index):
                self._settle()

    @contextmanager
    def _one_settling(self) -> Iterator[None]:
        """While several things change: whoever uses this settles once at the end."""
        before, self._settling = self._settling, True
        yield
        self._settling = before

    # ---- heights

    def _column(self) -> tuple[int, int]:
        """Left edge and width of the column, centred in the whole widget, scroll bar included."""
        width = max(120, min(COLUMN, self.width() - 2 * EDGE))
        return (self.width() - width) // 2, width

    def _in_line(self) -> float:
        """How many characters a line of the column holds, about; asked once for a pass over messages."""
        return CHARACTERS * self._column()[1] / COLUMN

    def _estimate_again(self) -> None:
        """Guess the heights of what is not built for the present column."""
        width, in_line = self._column()[1], self._in_line()
        if width != self._estimated_for:
            self._estimated_for, self._stale = width, 0
            self._heights = [
                height if entry.row.id in self._views else _estimate(entry, in_line)
                for entry, height in zip(self._entries, self._heights, strict=True)
            ]

    def _measure(self, index: int) -> bool:
        """Lay out a built message; True when its height is another than was thought."""
        view = self._views[self._entries[index].row.id]
        height = view.lay_out(self._column()[1]) + BETWEEN
        changed = height != self._heights[index]
        if changed:
            self._set_height(index, height)
        return changed

    def _set_height(self, index: int, height: int) -> None:
        self._heights[index] = height
        self._stale = min(self._stale, index)

    def _tops(self) -> list[int]:
        """The top of each message, and at last the bottom of all; not to be changed."""
        if self._stale < len(self._heights) or len(self._known_tops) != len(self._heights) + 1:
            start = min(self._stale, len(self._known_tops) - 1)
            below = accumulate(self._heights[start:], initial=self._known_tops[start])
            self._known_tops = [*self._known_tops[:start], *below]
        self._stale = len(self._heights)
        return self._known_tops

    def _settle(self) -> None:
        """Build what is in view, keep the anchor where it is, and put everything in its place."""
        if self._settling or self._later.isActive():
            return
        self._settling = True
        room = self.viewport().height()
        for _ in range(12):
            tops = self._tops()
            most = max(0, tops[-1] + BOTTOM - room)
            value = most if self._follow else self._anchored(tops, most)
            first, last = self._range(tops, value, value + room)
            # A list: every message of the range is built, not only up to the first surprise.
            if not any([self._build(index) for index in range(first, last)]):
                break
        if not self._follow and self._entries:
            index = min(first, len(self._entries) - 1)
            self._anchor = (index, tops[index] - value)
        elif self._entries:
            self._anchor = (first, tops[first] - value)
        self._place(tops, value, most, room)
        self._settling = False
        self._trim(tops, value, room)
        self._prefetch.start(0)

    def _anchored(self, tops: list[int], most: int) -> int:
        index, y = self._anchor
        if index >= len(self._entries):
            return 0
        return max(0, min(most, tops[index] - y))

    def _range(self, tops: list[int], top: int, bottom: int) -> tuple[int, int]:
        """The messages that reach into a stretch: first, and one past the last."""
        count = len(self._entries)
        first = max(0, min(count, bisect_right(tops, top) - 1))
        last = max(first, min(count, bisect_right(tops, bottom)))
        return first, last

    def _build(self, index: int) -> bool:
        """Make sure a message has a widget of the present width; True when its height changed."""
        entry = self._entries[index]
        view = self._views.get(entry.row.id)
        if view is None:
            view = MessageView(entry, self, self.viewport())
            self._connect(entry.row.id, view)
            self._views[entry.row.id] = view
        elif view.laid_out_for == self._column()[1]:
            return False
        return self._measure(index)

    def _connect(self, message_id: str, view: MessageView) -> None:
        view.resized.connect(lambda: self._resized(message_id))
        view.acted.connect(lambda action, value: self._acted(message_id, action, value))
        view.link_activated.connect(self.link_activated)
        view.pressed.connect(lambda: self._selecting(message_id))
        view.dragged.connect(self._dragged)

    def _resized(self, message_id: str) -> None:
        if self._settling or message_id not in self._index or message_id not in self._views:
            return
        self._measure(self._index[message_id])
        self._settle()

    def _place(self, tops: list[int], value: int, most: int, room: int) -> None:
        bar = self.verticalScrollBar()
        bar.setRange(0, most)
        bar.setPageStep(room)
        bar.setValue(value)
        left, width = self._column()
        for message_id, view in self._views.items():
            index = self._index[message_id]
            view.setGeometry(
                left - SIDE, tops[index] - value, width + 2 * SIDE, self._heights[index] - BETWEEN
            )
            if view.isHidden():
                view.show()
        self._place_jump(most - value)

    def _place_jump(self, left: int) -> None:
        show = not self._follow and left > 40
        if show:
            size = self._jump.sizeHint()
            self._jump.setGeometry(
                (self.width() - size.width()) // 2,
                self.height() - size.height() - 12,
                size.width(),
                size.height(),
            )
            self._jump.raise_()
        self._jump.setVisible(show)

    def _trim(self, tops: list[int], value: int, room: int) -> None:
        """Let go of what is far from the view."""
        first, last = self._range(tops, value - 2 * room, value + 3 * room)
        for message_id in list(self._views):
            index = self._index[message_id]
            view = self._views[message_id]
            held = view.editing or view.has_selection() or message_id == self._focused
            if not first <= index < last and not held:
                self._release(message_id)

    def _release(self, message_id: str) -> None:
        view = self._views.pop(message_id)
        if message_id == self._focused:
            self._focused = None
        view.hide()
        view.deleteLater()

    def _build_ahead(self) -> None:
        """Build one message outside the view, so that scrolling finds it ready."""
        tops, value, room = self._tops(), self.verticalScrollBar().value(), self.viewport().height()
        first, last = self._range(tops, value - room // 2, value + room + room // 2)
        width = self._column()[1]
        for index in range(first, last):
            view = self._views.get(self._entries[index].row.id)
            if view is None or view.laid_out_for != width:
                with self._one_settling():
                    self._build(index)
                self._settle()
                return

    # ---- scrolling

    def _scrolled(self, value: int) -> None:
        if self._settling:
            return
        tops = self._tops()
        bar = self.verticalScrollBar()
        self._follow = value >= bar.maximum() - 2
        if self._entries:
            index = max(0, min(len(self._entries) - 1, bisect_right(tops, value) - 1))
            self._anchor = (index, tops[index] - value)
        self._settle()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Nothing to do: messages are put in their places by `_settle`."""

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._estimate_again()
        self._settle()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange) and hasattr(self, "_prefetch"):
            QTimer.singleShot(0, self, self._restyled)

    def _restyled(self) -> None:
        for message_id in self._views:
            self._measure(self._index[message_id])
        self._settle()

    def hideEvent(self, event: QHideEvent) -> None:
        self._prefetch.stop()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        page = max(STEP, self.viewport().height() - 2 * LINE)
        match event.key():
            case Qt.Key.Key_Up if control:
                self._step_message(-1)
            case Qt.Key.Key_Down if control:
                self._step_message(1)
            case Qt.Key.Key_Up:
                bar.setValue(bar.value() - STEP)
            case Qt.Key.Key_Down:
                bar.setValue(bar.value() + STEP)
            case Qt.Key.Key_PageUp:
                bar.setValue(bar.value() - page)
            case Qt.Key.Key_PageDown | Qt.Key.Key_Space:
                bar.setValue(bar.value() + page)
            case Qt.Key.Key_Home:
                bar.setValue(0)
            case Qt.Key.Key_End:
                self.jump_to_latest()
            case _:
                event.ignore()

    def _dragged(self, point: QPoint) -> None:
        """A selection is drawn past the edge: scroll with it."""
        y = self.viewport().mapFromGlobal(point).y()
        bar = self.verticalScrollBar()
        if y < 0:
            bar.setValue(bar.value() - LINE)
        elif y > self.viewport().height():
            bar.setValue(bar.value() + LINE)

    def _selecting(self, message_id: str) -> None:
        for other, view in self._views.items():
            if other != message_id:
                view.clear_selection()

    # ---- actions

    def _acted(self, message_id: str, action: str, value: object) -> None:
        plain = {
            "copy": self.copy_requested,
            "edit": self.edit_requested,
            "regenerate": self.regenerate_requested,
            "continue": self.continue_requested,
            "delete": self.delete_requested,
            "saw": self.saw_requested,
            "summarize": self.summarize_requested,
            "rewrite": self.rewrite_requested,
            "restart": self.restart_requested,
        }
        if action in plain:
            plain[action].emit(message_id)
        elif action == "branch" and isinstance(value, int):
            self.branch_requested.emit(message_id, value)
        elif action == "edited" and isinstance(value, str):
            self.edit_submitted.emit(message_id, value)

    # ---- focus

    def focusInEvent(self, event: QFocusEvent) -> None:
        if self._entries and not self._leaving:
            self._enter(event.reason())

    def _enter(self, reason: Qt.FocusReason) -> None:
        """Focus the last message in view."""
        tops, value = self._tops(), self.verticalScrollBar().value()
        last = self._range(tops, value, value + self.viewport().height())[1]
        self._focus_message(last - 1, reason)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes through a message's controls, then to the next message, and out at the ends."""
        focus = QApplication.focusWidget()
        if focus is self and self._entries and forward and not self._leaving:
            self._enter(Qt.FocusReason.TabFocusReason)
            return True
        index = self._index.get(self._focused or "")
        if focus is None or index is None or not self.isAncestorOf(focus):
            return self._leave(forward)
        stops = self._views[self._entries[index].row.id].stops()
        at = stops.index(focus) if focus in stops else 0
        reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
        at += 1 if forward else -1
        if 0 <= at < len(stops):
            stops[at].setFocus(reason)
            return True
        if 0 <= index + (1 if forward else -1) < len(self._entries):
            self._focus_message(index + (1 if forward else -1), reason)
            return True
        return self._leave(forward)

    def _leave(self, forward: bool) -> bool:
        # From this widget's own place in the window; the messages come and go at the chain's end.
        self._leaving = True
        self.setFocus(Qt.FocusReason.TabFocusReason)
        left = super().focusNextPrevChild(forward)
        self._leaving = False
        return left

    def _step_message(self, step: int) -> None:
        index = self._index.get(self._focused or "")
        if index is not None and 0 <= index + step < len(self._entries):
            self._focus_message(index + step, Qt.FocusReason.ShortcutFocusReason)

    def _focus_message(self, index: int, reason: Qt.FocusReason) -> None:
        index = max(0, min(index, len(self._entries) - 1))
        with self._one_settling():
            self._build(index)
        self._bring_into_view(index)
        self._views[self._entries[index].row.id].setFocus(reason)

    def _bring_into_view(self, index: int) -> None:
        tops, value, room = self._tops(), self.verticalScrollBar().value(), self.viewport().height()
        top, height = tops[index], self._heights[index]
        if top < value or height > room:
            if top + height < value + STEP or top > value + room - STEP or top >= value or height <= room:
                self._follow, self._anchor = False, (index, 8)
        elif top + height > value + room:
            self._follow, self._anchor = False, (index, room - height - 8)
        self._settle()
        bar = self.verticalScrollBar()
        self._follow = bar.value() >= bar.maximum() - 2

    def _focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        inside = None
        for message_id, view in self._views.items():
            if new is not None and (view is new or view.isAncestorOf(new)):
                inside = message_id
        if inside == self._focused:
            return
        before, self._focused = self._focused, inside
        if before is not None and before in self._views:
            self._views[before].focus_left()


def _warm_up() -> None:
    """Import on a worker what the first code, table and formula would wait for."""
    code.lexer("python")
    formula.draw("x", False, 16.0)


def _estimate(entry: Entry, in_line: float) -> int:
    """About how high a message will be; thousands are asked for at once."""
    user, text = entry.row.role == "user", entry.content
    most = MAX_SHOWN_PLAIN if user else MAX_SHOWN
    if len(text) > most:
        text = text[:most]
    lines = text.count("\n") + int(len(text) / in_line) + 1
    return lines * LINE + ACTIONS + BETWEEN + (26 if user else 44)


def _renewed(old: Entry, row: MessageRow) -> Entry:
    """The entry for a newer row, with what the view knew."""
    entry = Entry(row, progress=old.progress if row.status == "streaming" else "")
    entry.thinking_open, entry.thinking_s = old.thinking_open, old.thinking_s
    entry.thinking_since, entry.draft = old.thinking_since, old.draft
    if row.status == "streaming" and len(row.content) < len(old.content):
        # The store is a moment behind what is shown already.
        entry.content, entry.thinking = old.content, old.thinking
    return entry
