"""A rewritten text as changes of its source: each can be accepted, rejected and taken back."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QKeySequence, QPainter, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from desktop.ui.theme import Theme
from desktop.ui.widgets.buttons import tool_button
from desktop.ui.widgets.columns_view import ColumnsView, Look, Piece, Row, split_row
from desktop.ui.widgets.labels import plain_label

if TYPE_CHECKING:
    from desktop.workbench.changes import Review, State


@dataclass(frozen=True)
class Compared:
    """A paragraph of the source and what is proposed for it; `gap` and `look` as in `side_by_side.Pair`."""

    review: Review
    gap: int = 12
    look: Look = "plain"


class DiffView(QWidget):
    """The text with its changes, a line about them, and what can be done.

    Changes are numbered through all paragraphs. What is decided is decided in the paragraphs' reviews.

    Attributes:
        view: the text. current: the change at which the keyboard is; -1 for none.
    Signals:
        decided(list of int paragraphs): changes in these paragraphs were decided or taken back.
    """

    decided = Signal(list)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._paragraphs: list[Compared] = []
        self._starts: list[int] = []  # the number of each paragraph's first change
        self._first: list[int] = []  # the row that each paragraph begins with
        self._count = 0
        self.current = -1
        self._undo: list[dict[int, State]] = []
        self._enabled = True
        self.view = _Text(self, theme)
        self.facts = plain_label("muted")
        self.facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._make_buttons()
        self.bar = _ChangeBar(theme, self.view.viewport())
        self.bar.accept.clicked.connect(self.accept)
        self.bar.reject.clicked.connect(self.reject)
        self._lay_out()
        self.setFocusProxy(self.view)
        self.view.moved.connect(self._place_bar)
        self.view.pressed.connect(self._pressed)
        self._tell()

    def _make_buttons(self) -> None:
        self.previous_button = self._tool(
            "chevron-up",
            QCoreApplication.translate("Changes", "Previous change (Shift+F7 or P)"),
            self.previous,
        )
        self.next_button = self._tool(
            "chevron-down", QCoreApplication.translate("Changes", "Next change (F7 or N)"), self.next
        )
        self.undo_button = self._tool(
            "undo", QCoreApplication.translate("Changes", "Undo the last decision (Ctrl+Z)"), self.undo
        )
        self.accept_all_button = QPushButton(QCoreApplication.translate("Changes", "Accept all"))
        self.accept_all_button.setToolTip(
            QCoreApplication.translate("Changes", "Accept what is open (Shift+A)")
        )
        self.accept_all_button.clicked.connect(self.accept_all)
        self.reject_all_button = QPushButton(QCoreApplication.translate("Changes", "Reject all"))
        self.reject_all_button.setToolTip(
            QCoreApplication.translate("Changes", "Reject what is open (Shift+R)")
        )
        self.reject_all_button.clicked.connect(self.reject_all)
        for button in (self.accept_all_button, self.reject_all_button):
            button.setAccessibleName(button.text())

    def _tool(self, icon: str, words: str, act: object) -> QToolButton:
        button = tool_button(self._theme, icon, words)
        button.clicked.connect(act)
        return button

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(4, 0, 0, 0)
        head.setSpacing(4)
        head.addWidget(self.facts, 1)
        for button in (self.previous_button, self.next_button, self.undo_button):
            head.addWidget(button)
        head.addSpacing(4)
        head.addWidget(self.accept_all_button)
        head.addSpacing(4)
        head.addWidget(self.reject_all_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(self.view, 1)

    # ------------------------------------------------------------ what is shown

    def show_changes(
        self, paragraphs: Sequence[Compared], rows: Sequence[Sequence[Row]] | None = None
    ) -> None:
        """Show these paragraphs; `rows` is what `diff_rows` made of them, on a worker maybe."""
        self._paragraphs = list(paragraphs)
        self._starts, self._count = _numbered(paragraphs)
        self._undo.clear()
        self.current = -1
        self._show_rows(diff_rows(paragraphs) if rows is None else rows)
        self._tell()

    def text(self, paragraph: int) -> str:
        """A paragraph without the changes that were rejected."""
        return self._paragraphs[paragraph].review.text()

    def set_enabled(self, enabled: bool) -> None:
        """Whether changes can be decided now."""
        self._enabled = enabled
        self._tell()

    def states(self) -> list[State]:
        """What became of each change."""
        return [state for paragraph in self._paragraphs for state in paragraph.review.states]

    def state(self, number: int) -> State:
        """What became of a change."""
        place = self._paragraph_of(number)
        return self._paragraphs[place].review.states[number - self._starts[place]]

    def counts(self) -> tuple[int, int, int]:
        """How many changes there are, how many were accepted, and how many rejected."""
        states = self.states()
        return len(states), states.count("accepted"), states.count("rejected")

    def _show_rows(self, rows: Sequence[Sequence[Row]], *, keep_place: bool = False) -> None:
        self._first, at = [], 0
        for some in rows:
            self._first.append(at)
            at += len(some)
        self.view.set_rows([row for some in rows for row in some], keep_place=keep_place)

    # ------------------------------------------------------------ deciding

    def accept(self) -> None:
        """Accept the change at which the keyboard is, and go to the next one that is open."""
        self._decide("accepted")

    def reject(self) -> None:
        """Reject the change at which the keyboard is, and go to the next one that is open."""
        self._decide("rejected")

    def accept_all(self) -> None:
        """Accept every change that is open."""
        self._set({number: "accepted" for number in self._open()})

    def reject_all(self) -> None:
        """Reject every change that is open."""
        self._set({number: "rejected" for number in self._open()})

    def undo(self) -> None:
        """Take the last decision back, all of it when it was about several changes."""
        if self._undo and self._enabled:
            before = self._undo.pop()
            self._put(before)
            self.go_to(min(before))

    def _open(self) -> list[int]:
        return [number for number, state in enumerate(self.states()) if state == "pending"]

    def _decide(self, state: State) -> None:
        if not 0 <= self.current < self._count:
            self.next()
        elif self._enabled:
            number = self.current
            self._set({number: state})
            left = self._open()
            if left:
                self.go_to(next((other for other in left if other > number), left[0]))

    def _set(self, wanted: dict[int, State]) -> None:
        if not self._enabled:
            return
        states = self.states()
        before = {number: states[number] for number, state in wanted.items() if states[number] != state}
        if before:
            self._undo.append(before)
            self._put({number: wanted[number] for number in before})

    def _put(self, wanted: dict[int, State]) -> None:
        places: dict[int, None] = {}
        for number, state in wanted.items():
            place = self._paragraph_of(number)
            places[place] = None
            review, at = self._paragraphs[place].review, number - self._starts[place]
            {"accepted": review.accept, "rejected": review.reject, "pending": review.reset}[state](at)
        again = False
        for place in places:
            rows, old = _rows(self._paragraphs[place], place, self._starts[place]), self._rows_of(place)
            again = again or len(rows) != len(old)
            for index, row in zip(old, rows, strict=False):
                self.view.set_row(index, row)
        if again:
            self._show_rows(diff_rows(self._paragraphs), keep_place=True)
        self.view.settle()
        self._tell()
        self.decided.emit(list(places))

    # ------------------------------------------------------------ going about

    def next(self) -> None:
        """Go to the next change, from the last one to the first."""
        self._step(1)

    def previous(self) -> None:
        """Go to the change before, from the first one to the last."""
        self._step(-1)

    def _step(self, step: int) -> None:
        count = self._count
        if not count:
            return
        if self.current < 0:
            self.go_to(self._from_view(step))
        else:
            self.go_to((self.current + step) % count)

    def _from_view(self, step: int) -> int:
        """The first change of what is in view, or the last one before it."""
        paragraph = self.view.rows[self.view.top_row()[0]].of if self.view.rows else 0
        start = self._starts[paragraph]
        return start % self._count if step > 0 else (start - 1) % self._count

    def go_to(self, number: int) -> None:
        """Go to a change, and bring it into view."""
        if not 0 <= number < self._count:
            return
        self.current = number
        row, start, _ = self.place_of(number)
        self.view.set_current(row, show=False)
        self.view.bring_into_view(row, start)
        self._tell()
        self._place_bar()
        self.view.viewport().update()

    def place_of(self, number: int) -> tuple[int, int, int]:
        """Where a change is shown: a row, and characters in it from and to."""
        place = self._paragraph_of(number)
        for row in self._rows_of(place):
            at, found = 0, []
            for piece in self.view.rows[row].cells[0]:
                if piece.key == number:
                    found += [at, at + len(piece.text)]
                at += len(piece.text)
            if found:
                return row, found[0], found[-1]
        return self._first[place], 0, 0

    def _paragraph_of(self, number: int) -> int:
        place = bisect_left(self._starts, number + 1) - 1
        return max(0, place)

    def _rows_of(self, place: int) -> range:
        end = self._first[place + 1] if place + 1 < len(self._first) else len(self.view.rows)
        return range(self._first[place], end)

    def _pressed(self, row: int, column: int, character: int) -> None:
        at, number = 0, -1
        for piece in self.view.rows[row].cells[column]:
            if at <= character <= at + len(piece.text) and piece.key >= 0:
                number = piece.key
            at += len(piece.text)
        self.current = number
        self._tell()
        self._place_bar()
        self.view.viewport().update()

    # ------------------------------------------------------------ telling

    def _tell(self) -> None:
        count, accepted, rejected = self.counts()
        self.facts.setText(counts_text(count, accepted, rejected))
        self.facts.setToolTip(self.facts.text())
        left = self._enabled and accepted + rejected < count
        self.accept_all_button.setEnabled(left)
        self.reject_all_button.setEnabled(left)
        self.previous_button.setEnabled(count > 0)
        self.next_button.setEnabled(count > 0)
        self.undo_button.setEnabled(self._enabled and bool(self._undo))
        self.view.setAccessibleName(self.facts.text())
        self.view.setAccessibleDescription(self._words())
        self._place_bar()

    def _words(self) -> str:
        """The change at which the keyboard is, for a screen reader."""
        if not 0 <= self.current < self._count:
            return ""
        place = self._paragraph_of(self.current)
        review = self._paragraphs[place].review
        change = review.changes[self.current - self._starts[place]]
        old = review.before[change.start : change.end]
        if old and change.text:
            text = QCoreApplication.translate("Changes", "“{old}” becomes “{new}”")
        elif old:
            text = QCoreApplication.translate("Changes", "“{old}” is taken out")
        else:
            text = QCoreApplication.translate("Changes", "“{new}” is put in")
        words = text.format(old=old.strip(), new=change.text.strip())
        return f"{words}, {state_word(self.state(self.current))}"

    def _place_bar(self) -> None:
        """Put the bar under the change, or above it where there is no room."""
        if not (0 <= self.current < self._count and self._enabled):
            self.bar.hide()
            return
        row, start, end = self.place_of(self.current)
        rects = self.view.rects(row, 0, start, end)
        cell = self.view.cell_rect(row, 0)
        if not rects:
            rects = [QRectF(0, 0, 1, 22)]
        last, size, room = rects[-1], self.bar.sizeHint(), self.view.viewport().size()
        y = cell.top() + last.bottom() + 4
        if y + size.height() > room.height():
            y = cell.top() + rects[0].top() - size.height() - 4
        x = min(max(8.0, cell.left() + last.left()), room.width() - size.width() - 8.0)
        inside = -size.height() < y < room.height()
        self.bar.show_state(self.state(self.current))
        self.bar.setGeometry(round(x), round(y), size.width(), size.height())
        self.bar.setVisible(inside)

    def key(self, event: QKeyEvent) -> bool:
        """Do what a key of the text means here; False for another key."""
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.matches(QKeySequence.StandardKey.Undo):
            self.undo()
            return True
        allowed = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier
        if event.modifiers() & ~allowed:
            return False
        acts = {
            Qt.Key.Key_F7: self.previous if shift else self.next,
            Qt.Key.Key_N: self.next,
            Qt.Key.Key_P: self.previous,
            Qt.Key.Key_A: self.accept_all if shift else self.accept,
            Qt.Key.Key_R: self.reject_all if shift else self.reject,
        }
        act = acts.get(Qt.Key(event.key()))
        if act is not None:
            act()
        return act is not None


def _numbered(paragraphs: Sequence[Compared]) -> tuple[list[int], int]:
    """The number of each paragraph's first change, and how many changes there are."""
    starts, count = [], 0
    for paragraph in paragraphs:
        starts.append(count)
        count += len(paragraph.review.changes)
    return starts, count


def diff_rows(paragraphs: Sequence[Compared]) -> list[list[Row]]:
    """The rows for each paragraph; any thread."""
    starts, _ = _numbered(paragraphs)
    numbered = zip(paragraphs, starts, strict=True)
    return [_rows(paragraph, place, first) for place, (paragraph, first) in enumerate(numbered)]


def _rows(paragraph: Compared, place: int, first: int) -> list[Row]:
    return split_row(Row((tuple(_pieces(paragraph, first)),), paragraph.gap, of=place))


def _pieces(paragraph: Compared, first: int) -> list[Piece]:
    """A paragraph with its changes as they were decided; each has a piece, maybe an empty one."""
    review, look = paragraph.review, paragraph.look
    pieces, at = [], 0
    decided = zip(review.changes, review.states, strict=True)
    for number, (change, state) in enumerate(decided, first):
        if change.start > at:
            pieces.append(Piece(review.before[at : change.start], look))
        old = review.before[change.start : change.end]
        if state == "pending":
            if old:
                pieces.append(Piece(old.replace("\n", "¶"), "deleted", number))
            if change.text:
                pieces.append(Piece(change.text.replace("\n", "¶\n"), "inserted", number))
        else:
            pieces.append(Piece(change.text if state == "accepted" else old, "settled", number))
        at = change.end
    if at < len(review.before) or not pieces:
        pieces.append(Piece(review.before[at:], look))
    return pieces


def counts_text(count: int, accepted: int, rejected: int) -> str:
    """How many changes there are and what became of them."""
    if not count:
        return QCoreApplication.translate("Changes", "No changes")
    if count == 1:
        parts = [QCoreApplication.translate("Changes", "1 change")]
    else:
        parts = [QCoreApplication.translate("Changes", "{n} changes").format(n=count)]
    if accepted:
        parts.append(QCoreApplication.translate("Changes", "{n} accepted").format(n=accepted))
    if rejected:
        parts.append(QCoreApplication.translate("Changes", "{n} rejected").format(n=rejected))
    return QCoreApplication.translate("Changes", ", ").join(parts)


def state_word(state: State) -> str:
    """What became of a change."""
    if state == "accepted":
        return QCoreApplication.translate("Changes", "accepted")
    if state == "rejected":
        return QCoreApplication.translate("Changes", "rejected")
    return QCoreApplication.translate("Changes", "open")


class _ChangeBar(QFrame):
    """Accept and Reject, at a change."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "popup")
        self.accept = QPushButton(" " + QCoreApplication.translate("Changes", "Accept"), self)
        self.accept.setIcon(theme.icon("check", "good"))
        self.accept.setToolTip(QCoreApplication.translate("Changes", "Accept this change (A)"))
        self.reject = QPushButton(" " + QCoreApplication.translate("Changes", "Reject"), self)
        self.reject.setIcon(theme.icon("close", "bad"))
        self.reject.setToolTip(QCoreApplication.translate("Changes", "Reject this change (R)"))
        row = QHBoxLayout(self)
        row.setContentsMargins(3, 3, 3, 3)
        row.setSpacing(2)
        for button in (self.accept, self.reject):
            button.setProperty("role", "quiet")
            button.setIconSize(QSize(14, 14))
            button.setAccessibleName(button.text().strip())
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keys A and R do the same
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            row.addWidget(button)
        self.hide()

    def show_state(self, state: State) -> None:
        """What was decided already cannot be decided so again."""
        self.accept.setEnabled(state != "accepted")
        self.reject.setEnabled(state != "rejected")


class _Text(ColumnsView):
    """The text itself: the keys of its owner, and a frame around the change at which the keyboard is."""

    def __init__(self, owner: DiffView, theme: Theme) -> None:
        super().__init__(theme, 1, owner)
        self._owner = owner
        self.tints = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._owner.key(event):
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        # Ctrl+Z is an action of the window, too; here it takes a decision back.
        kind = event.type()
        if kind == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._mine(event):
            event.accept()
            return True
        return super().event(event)

    @staticmethod
    def _mine(event: QKeyEvent) -> bool:
        return event.matches(QKeySequence.StandardKey.Undo) or event.key() == Qt.Key.Key_F7

    def paint_over(self, painter: QPainter, index: int) -> None:
        number = self._owner.current
        if number < 0:
            return
        row, start, end = self._owner.place_of(number)
        if row != index:
            return
        cell = self.cell_rect(index, 0)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(self.theme.tokens.accent), 2))
        for rect in self.rects(index, 0, start, end):
            painter.drawRoundedRect(rect.translated(cell.topLeft()).adjusted(-2, -1, 2, 1), 4, 4)
