"""The views of a rewritten text: side by side, as changes, as alternatives; and what is done with it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QCoreApplication, QLocale, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.jobs import Job, Jobs
from desktop.ui.panels.rewrite_text import RewrittenText
from desktop.ui.theme import Theme
from desktop.ui.widgets.alternatives_view import AlternativesView
from desktop.ui.widgets.buttons import tool_button
from desktop.ui.widgets.columns_view import Row
from desktop.ui.widgets.diff_view import Compared, DiffView, diff_rows
from desktop.ui.widgets.problem_list import ProblemList, problem_text
from desktop.ui.widgets.side_by_side import Pair, SideBySide
from desktop.ui.widgets.source_view import SourceView, word_count
from desktop.workbench.store.records import PartRow, RunRow

if TYPE_CHECKING:
    from desktop.workbench.changes import State

View = Literal["source", "side", "changes", "alternatives"]


class RewriteViews(QWidget):
    """The text that goes in and the views of what comes out, one at a time.

    Attributes:
        text: what is shown of a run; None before there is one.
        side, diff, alternatives: the views. tabs: their buttons. check: leads to what needs a look.
        copy, replace, save, send: buttons for the result.
    Signals:
        kept(object): fields of the run that the person changed.
        replace_requested, save_requested, summarize_requested, chat_requested: what is wanted of the result.
    """

    kept = Signal(object)
    replace_requested = Signal()
    save_requested = Signal()
    summarize_requested = Signal()
    chat_requested = Signal()

    def __init__(self, source: SourceView, jobs: Jobs, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs, self._theme, self._source = jobs, theme, source
        self.text: RewrittenText | None = None
        self._running = False
        self._states: list[State] = []  # what became of the changes, once they are known
        self._compared = False
        self._comparing: Job | None = None
        self._dirty: set[int] = set()
        self.side, self.diff = SideBySide(theme, self), DiffView(theme, self)
        self.alternatives = AlternativesView(theme, self)
        self.problems = ProblemList(theme, self)
        self.stack = QStackedWidget()
        self._pages: dict[View, QWidget] = {
            "source": source, "side": self.side, "changes": self.diff, "alternatives": self.alternatives,
        }  # fmt: skip
        for page in self._pages.values():
            self.stack.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._head())
        column.addWidget(self.problems)
        column.addWidget(self.stack, 1)
        self._connect()
        self.clear()

    # ------------------------------------------------------------ building

    def _head(self) -> QHBoxLayout:
        """The views at the left, what can be done with the result at the right."""
        row = QHBoxLayout()
        row.setSpacing(2)
        self._group = QButtonGroup(self)
        self.tabs: dict[View, QPushButton] = {}
        names: dict[View, str] = {
            "source": QCoreApplication.translate("Rewrite", "Text"),
            "side": QCoreApplication.translate("Rewrite", "Side by side"),
            "changes": QCoreApplication.translate("Rewrite", "Changes"),
            "alternatives": QCoreApplication.translate("Rewrite", "Alternatives"),
        }
        for view, word in names.items():
            button = QPushButton(word)
            button.setProperty("role", "tab")
            button.setCheckable(True)
            button.setAccessibleName(word)
            button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
            button.clicked.connect(partial(self.show_view, view))
            self._group.addButton(button)
            self.tabs[view] = button
            row.addWidget(button)
        self.check = QPushButton()
        self.check.setProperty("role", "chip")
        self.check.setIcon(self._theme.icon("alert", "bad"))
        self.check.setIconSize(QSize(14, 14))
        self.check.setToolTip(
            QCoreApplication.translate("Rewrite", "What was left as it was or needs a look (F8: next)")
        )
        self.check.clicked.connect(self._show_check_menu)
        row.addSpacing(6)
        row.addWidget(self.check)
        row.addStretch(1)
        tool = partial(tool_button, self._theme, parent=self)
        self.copy = tool("copy", QCoreApplication.translate("Rewrite", "Copy the result"))
        self.replace = tool(
            "replace", QCoreApplication.translate("Rewrite", "Replace the text by the result")
        )
        self.save = tool("download", QCoreApplication.translate("Rewrite", "Save the result as a file"))
        self.send = tool("forward", QCoreApplication.translate("Rewrite", "Send the result on"))
        for made in (self.copy, self.replace, self.save, self.send):
            row.addWidget(made)
        return row

    def _connect(self) -> None:
        self.side.edited.connect(self._edited)
        self.diff.decided.connect(self._decided)
        self.alternatives.chosen_changed.connect(self._chose)
        self.copy.clicked.connect(self.copy_result)
        self.replace.clicked.connect(self.replace_requested)
        self.save.clicked.connect(self.save_requested)
        self.send.clicked.connect(self._show_send_menu)
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self._show_dirty)
        for keys, step in (("F8", 1), ("Shift+F8", -1)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(partial(self.step_check, step))

    # ------------------------------------------------------------ what is shown

    def clear(self) -> None:
        """Show no result; the text that goes in stays."""
        self.text, self._running = None, False
        self._reset()
        self.side.show_pairs([])
        self._show_state()
        self.show_view("source")

    def show_text(self, text: RewrittenText, *, running: bool) -> None:
        """Show a run; the place is kept when it was shown before."""
        same = self.text is not None and self.text.run.id == text.run.id
        place, fraction = self.side.view.top_row()
        self.text, self._running = text, running
        self._reset()
        self._states = _states(text.run)
        self.side.show_pairs([_pair(text, place) for place in range(len(text.paragraphs))])
        if same:
            self.side.view.scroll_to_row(place, fraction)
        self._show_alternatives(keep_place=same)
        self._count()
        self._show_state()
        if self.view == "changes":
            self._compare()

    def _reset(self) -> None:
        self._states, self._compared = [], False
        self._dirty.clear()
        if self._comparing is not None:
            self._comparing.cancel()
            self._comparing = None
        self.diff.show_changes([])

    def _show_alternatives(self, *, keep_place: bool = False) -> None:
        text = self.text
        if text is not None and text.alternatives > 1:
            paragraphs = text.paragraphs
            self.alternatives.show_texts(
                [[paragraph.made[v] for paragraph in paragraphs] for v in range(text.alternatives)],
                [_gap(text, place) for place in range(len(paragraphs))],
                [paragraph.look for paragraph in paragraphs],
                text.chosen,
                keep_place=keep_place,
            )

    def _show_state(self) -> None:
        """Say what can be done now."""
        text, done = self.text, self.text is not None and not self._running
        self.tabs["side"].setEnabled(text is not None)
        self.tabs["changes"].setEnabled(done)
        self.tabs["alternatives"].setVisible(text is not None and text.alternatives > 1)
        for tool in (self.copy, self.replace, self.save, self.send):
            tool.setVisible(text is not None)
            tool.setEnabled(done)
        self.side.set_editable(done and text is not None and text.planned)
        self.diff.set_enabled(done)
        self.alternatives.set_enabled(done)
        if not self._possible(self.view):
            self.show_view("side" if text is not None else "source")
        self._show_remarks()

    def _possible(self, view: View) -> bool:
        return self.tabs[view].isEnabled() and not self.tabs[view].isHidden()

    def show_view(self, view: View, _checked: bool = False) -> None:
        """Show one of the views; "source" where the wanted one has nothing to show."""
        view = view if self._possible(view) else "source"
        self.tabs[view].setChecked(True)
        self.stack.setCurrentWidget(self._pages[view])
        if view == "changes":
            self._compare()
        self._show_remarks()

    @property
    def view(self) -> View:
        """Which view is shown."""
        return next((view for view, tab in self.tabs.items() if tab.isChecked()), "source")

    def focus(self) -> None:
        """Put the keyboard into what is shown."""
        page = self._source.edit if self.view == "source" else self._pages[self.view]
        page.setFocus()

    def _count(self) -> None:
        """Say how many words there are on both sides, counted on a worker."""
        text = self.text
        if text is not None:
            source, result = text.source, text.result()
            self._jobs.run(
                lambda: (word_count(source), word_count(result)),
                lambda counts: self._show_counts(text, *counts),
            )

    def _show_counts(self, text: RewrittenText, source: int, result: int) -> None:
        if self.text is text:
            self.side.set_counts(words_text(source), "" if self._running else words_text(result))

    # ------------------------------------------------------------ while it runs

    def hear_text(self, number: int, more: str) -> None:
        """The answer for a part goes on."""
        if self.text is not None:
            self._mark_dirty(self.text.hear_text(number, more))

    def hear_part(self, part: PartRow) -> None:
        """A part as it was stored."""
        if self.text is not None:
            self._mark_dirty(self.text.hear_part(part))

    def _mark_dirty(self, place: int) -> None:
        if place >= 0:
            self._dirty.add(place)
            self._later.start()

    def _show_dirty(self) -> None:
        """Show what was heard since the last time, all at once."""
        text, dirty = self.text, sorted(self._dirty)
        self._dirty.clear()
        if text is None:
            return
        self.side.set_pairs({place: _pair(text, place) for place in dirty})
        if text.alternatives > 1:
            for place in dirty:
                self.alternatives.set_paragraph(place, text.paragraphs[place].made)
            self.alternatives.view.settle()
        self._show_remarks()

    # ------------------------------------------------------------ what needs a look

    def _show_remarks(self) -> None:
        """How many paragraphs need a look, and what is to be known of the result as a whole."""
        text = self.text
        count = len(text.worth_a_look()) if text is not None else 0
        one = QCoreApplication.translate("Rewrite", "1 to check")
        many = QCoreApplication.translate("Rewrite", "{n} to check")
        self.check.setText(" " + (one if count == 1 else many.format(n=count)))
        self.check.setAccessibleName(self.check.text().strip())
        self.check.setVisible(count > 0)
        told = text is not None and not self._running and self.view != "source"
        self.problems.set_problems(text.run.problems if told and text is not None else [])

    def check_menu(self) -> QMenu:
        """What needs a look, a line each; choosing one goes there."""
        menu, text = QMenu(self), self.text
        for place in text.worth_a_look() if text is not None else []:
            assert text is not None
            words = QCoreApplication.translate("Rewrite", "Paragraph {n}: {reason}")
            line = words.format(n=place + 1, reason=_note(text, place))
            line = line if len(line) <= 110 else line[:109] + "…"
            menu.addAction(line.replace("&", "&&")).triggered.connect(partial(self.jump, place))
        return menu

    def _show_check_menu(self) -> None:
        menu = self.check_menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.check.mapToGlobal(self.check.rect().bottomLeft()))

    def jump(self, place: int, _checked: bool = False) -> None:
        """Show a paragraph beside its source."""
        self.show_view("side")
        self.side.set_current(place)
        self.side.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def step_check(self, step: int) -> None:
        """Go to the next paragraph that needs a look, or to the one before."""
        places = self.text.worth_a_look() if self.text is not None else []
        if places:
            here = self.side.current
            beyond = [p for p in places if p > here] if step > 0 else [p for p in places[::-1] if p < here]
            self.jump(beyond[0] if beyond else places[0 if step > 0 else -1])

    # ------------------------------------------------------------ what the person does

    def _compare(self) -> None:
        """Find the changes on a worker, once they are wanted."""
        text = self.text
        if text is None or self._compared or self._running:
            return
        self._compared = True
        asked = [
            (text.source[p.start : p.end], p.made[text.chosen], _gap(text, place), p.look)
            for place, p in enumerate(text.paragraphs)
        ]
        states = list(self._states)

        def compare() -> tuple[list[Compared], list[list[Row]]]:
            from desktop.workbench.changes import Review

            found = [Compared(Review(before, after), gap, look) for before, after, gap, look in asked]
            if len(states) == sum(len(one.review.changes) for one in found):
                rest = iter(states)
                for one in found:
                    one.review.states = [next(rest) for _ in one.review.changes]
            return found, diff_rows(found)

        def show(found: tuple[list[Compared], list[list[Row]]]) -> None:
            self._comparing = None
            self.diff.show_changes(*found)

        self._comparing = self._jobs.run(compare, show)

    def _decided(self, places: list[int]) -> None:
        text = self.text
        if text is not None:
            for place in places:
                text.paragraphs[place].text = self.diff.text(place)
            self._states = self.diff.states()
            self.side.set_pairs({place: _pair(text, place) for place in places})
            self._keep()

    def _edited(self, place: int, words: str) -> None:
        text = self.text
        if text is not None:
            self._bake()
            text.edit(place, words)
            self.side.set_pairs({place: _pair(text, place)})
            self._show_alternatives(keep_place=True)
            self._show_remarks()
            self._keep()

    def _chose(self, variant: int) -> None:
        text = self.text
        if text is not None:
            self._bake()
            text.choose(variant)
            self.side.show_pairs([_pair(text, p) for p in range(len(text.paragraphs))], keep_place=True)
            self._show_remarks()
            self._keep()

    def _bake(self) -> None:
        """What was rejected stays so, but there is nothing to be decided about it any more."""
        if self.text is not None:
            for paragraph in self.text.paragraphs:
                paragraph.made[self.text.chosen] = paragraph.text
        self._reset()

    def _keep(self) -> None:
        text = self.text
        if text is not None:
            fields = text.fields(self._states)
            text.run = replace(text.run, **fields)
            self._count()
            self.kept.emit(fields)

    def close_editor(self) -> None:
        """Keep what is being written in a paragraph."""
        self.side.close_editor()

    def copy_result(self) -> None:
        """Put the result on the clipboard."""
        if self.text is not None and not self._running:
            QGuiApplication.clipboard().setText(self.text.result())
            self.copy.setIcon(self._theme.icon("check", "good"))
            again = partial(self.copy.setIcon, self._theme.icon("copy", "muted"))
            QTimer.singleShot(1500, self.copy, again)

    def send_menu(self) -> QMenu:
        """Where the result can be sent."""
        menu = QMenu(self)
        for icon, words, signal in (
            ("summarize", QCoreApplication.translate("Rewrite", "Summarize it"), self.summarize_requested),
            ("chat", QCoreApplication.translate("Rewrite", "Chat about it"), self.chat_requested),
        ):
            action = menu.addAction(self._theme.icon(icon, "muted"), words)
            action.triggered.connect(lambda _=False, signal=signal: signal.emit())
        return menu

    def _show_send_menu(self) -> None:
        menu = self.send_menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        corner = self.send.rect().bottomRight()
        corner.setX(corner.x() - menu.sizeHint().width())
        menu.popup(self.send.mapToGlobal(corner))


# ---------------------------------------------------------------- words


def _pair(text: RewrittenText, place: int) -> Pair:
    """A paragraph as the columns show it."""
    paragraph = text.paragraphs[place]
    return Pair(
        text.source[paragraph.start : paragraph.end],
        paragraph.text,
        paragraph.state,
        _note(text, place),
        _gap(text, place),
        paragraph.look,
    )


def _note(text: RewrittenText, place: int) -> str:
    """What is to be known of a paragraph; each reason once."""
    told = dict.fromkeys(map(problem_text, text.paragraphs[place].problems))
    if text.paragraphs[place].state == "waiting" and text.run.status != "running":
        told[QCoreApplication.translate("Rewrite", "Not reached yet.")] = None
    return " ".join(reason for reason in told if reason)


def _gap(text: RewrittenText, place: int) -> int:
    return 0 if place == 0 else 14 if text.gap(place).count("\n") > 1 else 2


def _states(run: RunRow) -> list[State]:
    """What became of the changes, as it is stored."""
    kept = run.data.get("decisions")
    known: dict[str, State] = {"accepted": "accepted", "rejected": "rejected"}
    return [known.get(str(state), "pending") for state in kept] if isinstance(kept, list) else []


def words_text(count: int) -> str:
    """How many words there are."""
    if count == 1:
        return QCoreApplication.translate("Rewrite", "1 word")
    return QCoreApplication.translate("Rewrite", "{count} words").format(count=QLocale().toString(count))
