"""One message of a conversation as it is shown: its text, what can be done with it, and facts about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QEnterEvent,
    QFocusEvent,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QPushButton, QWidget

from desktop.ui.widgets.formula import Formulas
from desktop.ui.widgets.message_parts import MessageEditor, Row, StatusLine, Words, small_button
from desktop.ui.widgets.prose import Prose

if TYPE_CHECKING:
    from desktop.ui.theme import Theme
    from desktop.workbench.store import MessageRow

SIDE = 8
"""Room at both sides of a message for its focus ring."""
BUBBLE_X, BUBBLE_TOP, BUBBLE_BOTTOM = 16, 7, 11
"""Lines carry their leading above them, so that text with less room above looks centred."""
BUBBLE_SHARE = 0.75
HEADER = 20
ACTIONS = 24
MAX_EDIT_LINES, MAX_EDIT_LINE = 40_000, 20_000
RING_REASONS = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)


@dataclass(slots=True)
class Entry:
    """A message and what the view knows about it beyond the store.

    Attributes:
        content, thinking: the text, which may be ahead of `row` while it streams.
        progress: what is happening before there is text.
        thinking_open: what the user chose; None leaves it to the state.
        thinking_s: how long it thought, when it was seen thinking here.
        draft: the text of an edit that is open.
    """

    row: MessageRow
    content: str = ""
    thinking: str = ""
    progress: str = ""
    thinking_open: bool | None = None
    thinking_since: float = 0.0
    thinking_s: float = 0.0
    draft: str | None = None

    def __post_init__(self) -> None:
        self.content, self.thinking = self.row.content, self.row.thinking

    @property
    def is_user(self) -> bool:
        return self.row.role == "user"


class Place(Protocol):
    """What a message has to know about the conversation around it."""

    theme: Theme
    formulas: Formulas
    busy: str | None
    model_name: Callable[[str], str]

    def is_last(self, message_id: str) -> bool: ...


LONG = 1000
"""Characters from which on a message is worth a summary."""


def file_name(model: str) -> str:
    """A model's name from its path or id."""
    return PurePath(model.replace("\\", "/")).name.removesuffix(".gguf")


def editable(text: str) -> bool:
    """Whether a text field can hold it: Qt lays out an endless line for minutes."""
    if len(text) <= MAX_EDIT_LINE:
        return True
    lines = text.split("\n")
    return len(lines) <= MAX_EDIT_LINES and max(map(len, lines)) <= MAX_EDIT_LINE


@dataclass
class _Action:
    """One thing to do with a message; `shown` decides by view."""

    name: str
    text: str
    shown: Callable[[MessageView], bool] = field(default=lambda view: True)


def _actions() -> list[_Action]:
    def calm(view: MessageView) -> bool:
        return view.place.busy is None and view.entry.row.status != "streaming"

    def answer(view: MessageView) -> bool:
        return calm(view) and not view.entry.is_user

    return [
        _Action("copy", QCoreApplication.translate("Message", "copy")),
        _Action(
            "edit",
            QCoreApplication.translate("Message", "edit"),
            lambda view: calm(view) and editable(view.entry.content),
        ),
        _Action("regenerate", QCoreApplication.translate("Message", "regenerate"), answer),
        _Action(
            "continue",
            QCoreApplication.translate("Message", "continue"),
            lambda view: answer(view) and view.place.is_last(view.entry.row.id),
        ),
        _Action(
            "saw",
            QCoreApplication.translate("Message", "what it saw"),
            lambda view: not view.entry.is_user and view.entry.row.status != "streaming",
        ),
        _Action(
            "summarize",
            QCoreApplication.translate("Message", "summarize"),
            lambda view: calm(view) and len(view.entry.content) >= LONG,
        ),
        _Action(
            "rewrite",
            QCoreApplication.translate("Message", "rewrite"),
            lambda view: calm(view) and bool(view.entry.content.strip()),
        ),
        _Action("delete", QCoreApplication.translate("Message", "delete"), calm),
    ]


class MessageView(QWidget):
    """A message, laid out by hand for a width so that thousands cost nothing until they are seen.

    Signals:
        resized: its height is another now.
        acted: the name of an action ("copy", "edit", ...) and what goes with it.
        link_activated: a full address.
        pressed: the mouse went down in its text; dragged: it moves on, at a global point.
    """

    resized = Signal()
    acted = Signal(str, object)
    link_activated = Signal(str)
    pressed = Signal()
    dragged = Signal(QPoint)

    def __init__(self, entry: Entry, place: Place, parent: QWidget) -> None:
        super().__init__(parent)
        self.entry, self.place = entry, place
        self._width = 0
        self._quiet = False
        self._ring = False
        self._hovered = False
        self._bubble = QRectF()
        self._thought_bar = QRectF()
        self._header: QLabel | None = None
        self._thinking_button: QPushButton | None = None
        self._thinking_prose: Prose | None = None
        self._status: StatusLine | None = None
        self._editor: MessageEditor | None = None
        self._action_row: Row | None = None
        self._facts_row: Row | None = None
        self._facts_key: object = None
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.prose = self._make_prose(markdown=not entry.is_user)
        self._active = self.prose
        self.prose.set_text(entry.content)
        if not entry.is_user:
            self._header = QLabel(self)
            self._header.setTextFormat(Qt.TextFormat.PlainText)
            self._header.setProperty("role", "fact")
        place.theme.changed.connect(self.update)
        self.refresh()
        if entry.draft is not None:
            self.start_edit(entry.draft)

    def _make_prose(self, markdown: bool, color: str = "text") -> Prose:
        prose = Prose(self.place.theme, self.place.formulas, markdown=markdown, color=color, parent=self)
        prose.resized.connect(self._changed)
        prose.link_activated.connect(self.link_activated)
        prose.pressed.connect(lambda: self._pressed(prose))
        prose.dragged.connect(self.dragged)
        return prose

    def _pressed(self, prose: Prose) -> None:
        self._active = prose
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.pressed.emit()

    # ---- what is shown

    def refresh(self) -> None:
        """Bring everything but the text up to date with the entry."""
        row = self.entry.row
        who = (
            QCoreApplication.translate("Message", "You: {text}")
            if self.entry.is_user
            else QCoreApplication.translate("Message", "Answer: {text}")
        )
        self.setAccessibleName(who.format(text=" ".join(self.entry.content[:120].split())))
        if self._header is not None:
            self._header.setText(self.place.model_name(row.model) if row.model else "")
        self._refresh_thinking()
        self._refresh_status()
        key = (row.usage, row.timings, row.sibling, row.siblings, row.status, self.place.busy)
        if key != self._facts_key:
            self._facts_key = key
            self._refresh_facts()
        self._refresh_actions(rebuild=True)
        self._changed()

    def replace(self, entry: Entry) -> None:
        """Show another state of the same message."""
        before = self.entry.content
        self.entry = entry
        self._quietly(lambda: self._take(before))
        self.refresh()

    def _take(self, before: str) -> None:
        content = self.entry.content
        if content != before:
            if content.startswith(before) and before:
                self.prose.append(content[len(before) :])
            else:
                self.prose.set_text(content)
        if self.entry.row.status != "streaming":
            self.prose.finish()

    def append_text(self, text: str) -> None:
        """The answer goes on; the entry has the text already."""
        self._quietly(lambda: self.prose.append(text))
        if len(self.entry.content) <= 200:
            self.refresh()
        else:
            self._changed()

    def append_thinking(self, text: str) -> None:
        """The thinking goes on; the entry has the text already."""
        if self._thinking_prose is not None:
            self._thinking_prose.append(text)
        else:
            self.refresh()

    def _quietly(self, call: Callable[[], None]) -> None:
        self._quiet = True
        call()
        self._quiet = False

    def _changed(self) -> None:
        if not self._quiet:
            self.resized.emit()

    def _refresh_thinking(self) -> None:
        entry = self.entry
        if not entry.thinking:
            return
        running = entry.row.status == "streaming" and not entry.content
        is_open = running if entry.thinking_open is None else entry.thinking_open
        if self._thinking_button is None:
            self._thinking_button = QPushButton(self)
            self._thinking_button.setProperty("role", "link")
            self._thinking_button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            self._thinking_button.clicked.connect(self._toggle_thinking)
        self._thinking_button.setText(self._thinking_words(running))
        self._thinking_button.setIcon(
            self.place.theme.icon("chevron-down" if is_open else "chevron-right", "faint")
        )
        self._thinking_button.setIconSize(QSize(12, 12))
        self._thinking_button.show()
        if is_open and self._thinking_prose is None:
            self._thinking_prose = self._make_prose(markdown=False, color="faint")
            self._thinking_prose.set_text(entry.thinking)
            self._thinking_prose.show()
        elif not is_open and self._thinking_prose is not None:
            if self._active is self._thinking_prose:
                self._active = self.prose
            self._thinking_prose.hide()
            self._thinking_prose.deleteLater()
            self._thinking_prose = None

    def _thinking_words(self, running: bool) -> str:
        if running:
            return QCoreApplication.translate("Message", "Thinking…")
        seconds = self.entry.thinking_s
        if not seconds:
            return QCoreApplication.translate("Message", "Thought")
        text = QCoreApplication.translate("Message", "Thought for {seconds} s")
        return text.format(seconds=self.locale().toString(max(1, round(seconds))))

    def _toggle_thinking(self) -> None:
        self.entry.thinking_open = self._thinking_prose is None
        self.refresh()

    def _refresh_status(self) -> None:
        words = self._status_words()
        if self._status is not None and self._status.words == words:
            return
        if self._status is not None:
            self._status.hide()
            self._status.deleteLater()
            self._status = None
        if words != Words():
            self._status = StatusLine(words, lambda: self.acted.emit(words.action, None), self)
            self._status.show()

    def _status_words(self) -> Words:
        entry, row = self.entry, self.entry.row
        calm = self.place.busy is None
        if row.status == "streaming":
            waiting = "" if entry.content or entry.thinking else "…"
            return Words(entry.progress or waiting)
        if row.status == "interrupted":
            text = QCoreApplication.translate("Message", "The model stopped working here.")
            button = QCoreApplication.translate("Message", "Restart")
            return Words(text, "bad", button if calm else "", "restart")
        if row.status == "failed":
            return Words(row.error or QCoreApplication.translate("Message", "This went wrong."), "bad")
        if row.status == "stopped":
            return Words(QCoreApplication.translate("Message", "Stopped"))
        if row.finish_reason in ("length", "context"):
            text = (
                QCoreApplication.translate("Message", "Reached the token limit")
                if row.finish_reason == "length"
                else QCoreApplication.translate("Message", "The context is full")
            )
            can = calm and row.finish_reason == "length" and self.place.is_last(row.id)
            button = QCoreApplication.translate("Message", "Continue") if can else ""
            return Words(text, "fact", button, "continue")
        return Words(entry.progress)

    def _refresh_facts(self) -> None:
        if self._facts_row is not None:
            self._facts_row.hide()
            self._facts_row.deleteLater()
            self._facts_row = None
        row = self.entry.row
        parts: list[QWidget] = []
        if row.siblings > 1:
            parts += self._stepper(row.sibling, row.siblings)
        facts = self._facts()
        if facts:
            label = QLabel(facts)
            label.setProperty("role", "fact")
            parts.append(label)
        if parts:
            self._facts_row = Row(parts, self)
            self._facts_row.show()

    def _stepper(self, sibling: int, siblings: int) -> list[QWidget]:
        back = small_button("‹", QCoreApplication.translate("Message", "Previous version"))
        forward = small_button("›", QCoreApplication.translate("Message", "Next version"))
        back.setEnabled(sibling > 0 and self.place.busy is None)
        forward.setEnabled(sibling + 1 < siblings and self.place.busy is None)
        back.clicked.connect(lambda: self.acted.emit("branch", -1))
        forward.clicked.connect(lambda: self.acted.emit("branch", 1))
        text = QCoreApplication.translate("Message", "{number} / {count}")
        label = QLabel(text.format(number=sibling + 1, count=siblings))
        label.setProperty("role", "fact")
        return [back, label, forward]

    def _facts(self) -> str:
        row, locale = self.entry.row, self.locale()
        if self.entry.is_user or row.status == "streaming":
            return ""
        facts = []
        speed = row.timings.get("tokens_per_second")
        if speed:
            text = QCoreApplication.translate("Message", "{speed} tok/s")
            facts.append(text.format(speed=locale.toString(float(speed), "f", 0 if speed >= 10 else 1)))
        tokens = row.usage.get("completion_tokens")
        if tokens:
            one = QCoreApplication.translate("Message", "1 token")
            many = QCoreApplication.translate("Message", "{count} tokens")
            facts.append(one if tokens == 1 else many.format(count=locale.toString(int(tokens))))
        seconds = float(row.timings.get("first_token_s", 0)) + float(row.timings.get("decode_s", 0))
        if seconds:
            text = QCoreApplication.translate("Message", "{seconds} s")
            facts.append(text.format(seconds=locale.toString(seconds, "f", 1)))
        return " · ".join(facts)

    # ---- actions

    def _refresh_actions(self, rebuild: bool = False) -> None:
        focus = QApplication.focusWidget()
        inside = focus is not None and self.isAncestorOf(focus)
        wanted = (self._hovered or self._ring or inside) and self._editor is None
        if self._action_row is not None and (rebuild or not wanted) and not (inside and wanted):
            self._action_row.hide()
            self._action_row.deleteLater()
            self._action_row = None
        if wanted and self._action_row is None:
            shown = [action for action in _actions() if action.shown(self)]
            self._action_row = Row([self._action_button(action) for action in shown], self)
            self._place_actions()
            self._action_row.show()

    def _action_button(self, action: _Action) -> QPushButton:
        button = small_button(action.text, action.text)
        name = action.name
        button.clicked.connect(lambda: self._act(name))
        return button

    def _act(self, name: str) -> None:
        if name == "edit":
            self.start_edit(self.entry.content)
        self.acted.emit(name, None)

    def stops(self) -> list[QWidget]:
        """Where Tab goes inside this message, itself first."""
        found: list[QWidget] = [self]
        if self._editor is not None:
            return [*found, *self._editor.stops()]
        if self._thinking_button is not None:
            found.append(self._thinking_button)
        if self._thinking_prose is not None:
            found += self._thinking_prose.stops()
        found += self.prose.stops()
        for row in (self._status, self._action_row, self._facts_row):
            found += [button for button in row.findChildren(QPushButton) if button.isEnabled()] if row else []
        return found

    # ---- editing

    @property
    def editing(self) -> bool:
        """Whether its text is being edited."""
        return self._editor is not None

    def start_edit(self, text: str) -> None:
        """Open the text for editing."""
        if self._editor is not None or not editable(text):
            return
        self.entry.draft = text
        self._editor = MessageEditor(text, self.place.theme, self)
        self._editor.changed.connect(self._edited)
        self._editor.saved.connect(self._save_edit)
        self._editor.cancelled.connect(self.end_edit)
        self.prose.hide()
        self._editor.show()
        self._refresh_actions(rebuild=True)
        self._changed()
        self._editor.edit.setFocus()

    def _edited(self) -> None:
        if self._editor is not None:
            self.entry.draft = self._editor.edit.toPlainText()
            self._changed()

    def _save_edit(self) -> None:
        text = self.entry.draft or ""
        changed = text != self.entry.content
        self.end_edit()
        if changed and text.strip():
            self.acted.emit("edited", text)

    def end_edit(self) -> None:
        """Close the editor; the text stays as it was."""
        if self._editor is None:
            return
        self._editor.hide()
        self._editor.deleteLater()
        self._editor = None
        self.entry.draft = None
        self.prose.show()
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._refresh_actions()
        self._changed()

    # ---- layout

    @property
    def laid_out_for(self) -> int:
        """The width it was last laid out for."""
        return self._width

    def lay_out(self, width: int) -> int:
        """Lay out for a column of that width; gives the height."""
        self._width = width
        y = 4
        self._bubble = self._thought_bar = QRectF()
        if self._header is not None:
            self._header.setGeometry(SIDE, y, width, HEADER)
            y += HEADER + 2 if self._header.text() else 0
        y = self._lay_out_thinking(y)
        if self._editor is not None:
            height = self._editor.wanted_height(width)
            self._editor.setGeometry(SIDE, y, width, height)
            y += height
        elif self.entry.is_user:
            y = self._lay_out_bubble(y)
        elif self.prose.boxes:
            height = self.prose.lay_out(width)
            self.prose.setGeometry(SIDE, y, width, height)
            y += height
        if self._status is not None:
            y += 4 if self.prose.boxes else 0
            height = self._status.lay_out(width)
            self._status.setGeometry(SIDE, y, width, height)
            y += height
        self._row_y = y + (4 if self.entry.is_user else 6)
        self._place_actions()
        return self._row_y + ACTIONS + (0 if self.entry.is_user else 12)

    def _lay_out_thinking(self, y: int) -> int:
        if self._thinking_button is None:
            return y
        size = self._thinking_button.sizeHint()
        self._thinking_button.setGeometry(SIDE - 4, y, size.width(), size.height())
        y += size.height() + 4
        if self._thinking_prose is not None:
            height = self._thinking_prose.lay_out(self._width - 16)
            self._thinking_prose.setGeometry(SIDE + 16, y, self._width - 16, height)
            self._thought_bar = QRectF(SIDE, y, 2, height)
            y += height + 12
        return y

    def _lay_out_bubble(self, y: int) -> int:
        most = int(self._width * BUBBLE_SHARE) - 2 * BUBBLE_X
        inner = max(8, self.prose.ideal_width(most))
        height = self.prose.lay_out(inner)
        left = SIDE + self._width - inner - 2 * BUBBLE_X
        self._bubble = QRectF(left, y, inner + 2 * BUBBLE_X, height + BUBBLE_TOP + BUBBLE_BOTTOM)
        self.prose.setGeometry(left + BUBBLE_X, y + BUBBLE_TOP, inner, height)
        return y + height + BUBBLE_TOP + BUBBLE_BOTTOM

    def _place_actions(self) -> None:
        if not self._width:
            return
        right = SIDE + self._width
        if self._facts_row is not None:
            size = self._facts_row.sizeHint()
            self._facts_row.setGeometry(right - size.width(), self._row_y, size.width(), ACTIONS)
            right -= size.width() + 12
        if self._action_row is not None:
            size = self._action_row.sizeHint()
            left = SIDE - 4 if not self.entry.is_user else right - size.width() + 4
            self._action_row.setGeometry(left, self._row_y, size.width(), ACTIONS)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            tokens = self.place.theme.tokens
            painter.setPen(Qt.PenStyle.NoPen)
            if not self._bubble.isNull():
                painter.setBrush(QColor(tokens.tint))
                painter.drawRoundedRect(self._bubble, 12, 12)
            if not self._thought_bar.isNull():
                painter.setBrush(QColor(tokens.border))
                painter.drawRoundedRect(self._thought_bar, 1, 1)
            if self._ring and self.hasFocus():
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(QColor(tokens.accent), 2))
                painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 8, 8)

    # ---- mouse and keys

    def enterEvent(self, event: QEnterEvent) -> None:
        self._hovered = True
        self._refresh_actions()

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = False
        self._refresh_actions()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._ring = event.reason() in RING_REASONS
        self._refresh_actions()
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.update()

    def focus_left(self) -> None:
        """The focus went to another message or away."""
        self._ring = False
        self._refresh_actions()
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            if not self._active.copy():
                self.acted.emit("copy", None)
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self._active.select_all()
        elif not self._active.select_by_key(event):
            event.ignore()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        self.prose.fill_menu(menu, None)
        menu.exec(event.globalPos())
        menu.deleteLater()

    def clear_selection(self) -> None:
        """Select nothing in it."""
        self.prose.clear_selection()
        if self._thinking_prose is not None:
            self._thinking_prose.clear_selection()

    def has_selection(self) -> bool:
        """Whether some of its text is selected."""
        return bool(self._active.selected_text())


def note_thinking(entry: Entry) -> None:
    """Remember that it is thinking now."""
    if not entry.thinking_since:
        entry.thinking_since = time.monotonic()
    entry.thinking_s = max(0.1, time.monotonic() - entry.thinking_since)
