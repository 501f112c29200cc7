"""The result of a run: its text with links into the source, what is to be known about it, how it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QCoreApplication, QLocale, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.actions import QT_TRANSLATE_NOOP
from desktop.ui.jobs import Jobs
from desktop.ui.theme import Theme
from desktop.ui.widgets.facts import duration_text
from desktop.ui.widgets.formula import Formulas
from desktop.ui.widgets.labels import plain_label
from desktop.ui.widgets.linked_prose import LinkedProse, link_words
from desktop.ui.widgets.links import ask_to_open
from desktop.ui.widgets.message_parts import small_button
from desktop.ui.widgets.part_tree import PartTree
from desktop.ui.widgets.problem_list import ProblemList, problem_text
from desktop.ui.widgets.source_view import HEAD_HEIGHT, Elided, page_text
from desktop.workbench.links import Link
from desktop.workbench.reading.document import Document
from desktop.workbench.store.records import PartRow, RunRow

TREE_SHARE = 42
"""Percent of the height that the parts take at most."""
COLUMN = 660

ACTIONS = {
    "copy": (QT_TRANSLATE_NOOP("Result", "copy"), QT_TRANSLATE_NOOP("Result", "Copy the result as Markdown")),
    "save": (QT_TRANSLATE_NOOP("Result", "save"), QT_TRANSLATE_NOOP("Result", "Save the result as a file")),
    "rewrite": (
        QT_TRANSLATE_NOOP("Result", "rewrite this"),
        QT_TRANSLATE_NOOP("Result", "Rewrite the result"),
    ),
    "chat": (
        QT_TRANSLATE_NOOP("Result", "chat about this"),
        QT_TRANSLATE_NOOP("Result", "Open a chat about the text"),
    ),
    "again": (
        QT_TRANSLATE_NOOP("Result", "again"),
        QT_TRANSLATE_NOOP("Result", "Do it again with the options above"),
    ),
}
"""What can be done with a result: the word on the button, and what it does."""


def coverage_text(coverage: float) -> str:
    """How much of the text was read; never more than it was."""
    text = QCoreApplication.translate("Result", "{percent} % of the text was read")
    return text.format(percent=100 if coverage >= 1 else min(99, int(100 * coverage)))


def run_facts(run: RunRow) -> list[str]:
    """Coverage, tokens and seconds of a run."""
    facts = []
    if "coverage" in run.data:
        facts.append(coverage_text(float(run.data["coverage"])))
    tokens = sum(int(run.usage.get(key) or 0) for key in ("prompt_tokens", "completion_tokens"))
    if tokens:
        text = QCoreApplication.translate("Result", "{count} tokens")
        facts.append(text.format(count=QLocale().toString(tokens)))
    seconds = float(run.timings.get("work_s") or 0.0)
    if seconds:
        facts.append(duration_text(seconds))
    return facts


class ResultView(QWidget):
    """Shows a run: its result, or the summary of one of its parts.

    Attributes:
        prose: the text. tree: the parts, below it.
    Signals:
        place_chosen(int source, int start, int end): a place in the source is to be shown.
        copy_requested, save_requested, rewrite_requested, chat_requested, again_requested
    """

    place_chosen = Signal(int, int, int)
    copy_requested = Signal()
    save_requested = Signal()
    rewrite_requested = Signal()
    chat_requested = Signal()
    again_requested = Signal()

    def __init__(self, jobs: Jobs, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._documents: list[Document] = []
        self._run: RunRow | None = None
        self._texts: dict[int, str] = {}
        self._shown: int | None = None
        self._running = False
        self._alone = False
        self._build(jobs)
        self._connect()
        self.clear()

    # ------------------------------------------------------------ building

    def _build(self, jobs: Jobs) -> None:
        theme = self._theme
        self.title = plain_label("section")
        self.where = Elided("fact")
        self.back = small_button(
            QCoreApplication.translate("Result", "back to the result"),
            QCoreApplication.translate("Result", "Back to the result"),
        )
        self.back.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(8)
        head.addWidget(self.title)
        head.addWidget(self.where, 1)
        head.addWidget(self.back)
        self.head = QWidget()
        self.head.setLayout(head)
        self.head.setFixedHeight(HEAD_HEIGHT)
        self.prose = LinkedProse(theme, Formulas(jobs, self))
        self.prose.describe = self._describe
        self.empty = plain_label("muted")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.error = plain_label("bad")
        self.error.setWordWrap(True)
        self.legend = plain_label("fact")
        self.legend.setWordWrap(True)
        self.problems = ProblemList(theme)
        self.facts = plain_label("fact")
        self.facts.setWordWrap(True)
        self.card = self._card()
        self.fold = QPushButton()
        self.fold.setProperty("role", "quiet")
        self.fold.setStyleSheet("text-align: left; padding-left: 4px;")
        self.fold.setIcon(theme.icon("chevron-right", "muted"))
        self.fold.setIconSize(QSize(14, 14))
        self.fold.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.tree = PartTree(theme)
        self.tree.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.head)
        column.addWidget(self.card, 100 - TREE_SHARE)
        column.addWidget(self.fold)
        column.addWidget(self.tree, TREE_SHARE)

    def _card(self) -> QFrame:
        inside = QWidget()
        inner = QVBoxLayout(inside)
        inner.setContentsMargins(16, 14, 16, 12)
        inner.setSpacing(10)
        for widget in (self.prose, self.error, self.legend, self.problems, self.facts):
            inner.addWidget(widget)
        inner.addStretch(1)
        inside.setMaximumWidth(COLUMN + 32)
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(inside)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidget(holder)
        card = QFrame()
        card.setProperty("role", "card")
        column = QVBoxLayout(card)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addWidget(self.empty, 1)
        column.addWidget(self.area, 1)
        self.action_row = self._actions()
        column.addWidget(self.action_row)
        return card

    def _actions(self) -> QWidget:
        box = QWidget()
        row = QHBoxLayout(box)
        row.setContentsMargins(11, 2, 11, 8)
        row.setSpacing(2)
        self.buttons: dict[str, QPushButton] = {}
        for key, (word, name) in ACTIONS.items():
            button = small_button(
                QCoreApplication.translate("Result", word), QCoreApplication.translate("Result", name)
            )
            button.setToolTip(button.accessibleName())
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.clicked.connect(getattr(self, f"{key}_requested"))
            row.addWidget(button)
            self.buttons[key] = button
        row.addStretch(1)
        return box

    def _connect(self) -> None:
        self.prose.sentence_chosen.connect(self._sentence_chosen)
        self.prose.link_activated.connect(lambda url: ask_to_open(url, self))
        self.tree.opened.connect(self._open_part)
        self.back.clicked.connect(self.show_result)
        self.fold.clicked.connect(lambda: self.set_unfolded(self.tree.isHidden()))

    # ------------------------------------------------------------ what is shown

    def clear(self, words: str = "") -> None:
        """Show no run; `words` say what will be here."""
        self._run, self._texts, self._shown, self._running = None, {}, None, False
        self._documents = []
        self.tree.clear_parts()
        self.empty.setText(words)
        self._show()

    def set_documents(self, documents: Sequence[Document]) -> None:
        """The texts that the places of links are in."""
        self._documents = list(documents)
        self.tree.set_documents(documents)

    def set_run(self, run: RunRow, parts: Sequence[PartRow] | None = None) -> None:
        """Show a run as it is stored; None leaves the parts as they are."""
        self._run, self._running = run, False
        self.empty.setText(QCoreApplication.translate("Result", "There is no result yet."))
        if parts is not None:
            self.tree.set_parts(parts)
        self.tree.stop_writing()
        self._texts = {}
        self._shown = None
        self._show()

    def set_running(self, words: str) -> None:
        """A run is at work; its parts are told by and by. `words` stand where the result will be."""
        self._run, self._shown, self._running = None, None, True
        self._texts = {}
        self.empty.setText(words)
        self._show()

    def add_parts(self, parts: Sequence[PartRow]) -> None:
        """Parts were planned."""
        self.tree.add_parts(parts)
        if len(self.tree.parts()) > 1 and self.tree.isHidden() and self._running:
            self.set_unfolded(True)
        self._show_fold()

    def part_text(self, number: int, text: str) -> None:
        """The answer for a part goes on."""
        self.tree.set_writing(number)
        before = self._texts.get(number, "")
        self._texts[number] = before + text
        if number == self._live():
            if before and not self.area.isHidden():
                self.prose.append_result(text)
            else:
                self._show()

    def part_saved(self, part: PartRow) -> None:
        """A part was stored."""
        self._texts.pop(part.number, None)
        self.tree.update_part(part)
        self._show_fold()
        if part.number in (self._shown, self._live()):
            self._show()

    def unfolded(self) -> bool:
        """Whether the parts are shown."""
        return not self.tree.isHidden()

    def set_unfolded(self, unfolded: bool) -> None:
        """Show or hide the parts."""
        self.tree.setVisible(unfolded)
        self.fold.setIcon(self._theme.icon("chevron-down" if unfolded else "chevron-right", "muted"))
        self._fit_tree()

    def show_result(self) -> None:
        """Show the result instead of a part."""
        self._shown = None
        self._show()

    # ------------------------------------------------------------ showing

    def _live(self) -> int | None:
        """The part whose answer is shown: the opened one, or the one that becomes the result."""
        if self._shown is not None:
            return self._shown
        parts = self.tree.parts()
        last = parts[-1] if parts and self._running else None
        if last is None:
            return None
        top = [part for part in parts if part.level == last.level]
        return last.number if len(top) == 1 else None

    def _show(self) -> None:
        part = self.tree.part(self._shown) if self._shown is not None else None
        self.back.setVisible(part is not None)
        self._show_title(part)
        text, links, problems = self._content(part)
        self.prose.set_result(text, links)
        self.area.verticalScrollBar().setValue(0)
        run = self._run
        error = ""
        if part is None and run is not None and run.status == "failed":
            error = QCoreApplication.translate("Errors", run.error)
        elif part is not None and part.status == "failed" and not text:
            error = self.tree.status_of(part)
        self.error.setText(error)
        self.error.setVisible(bool(error))
        lost = sum(not link.found for link in links)
        legend = QCoreApplication.translate(
            "Result", "Dotted line: not found in the text ({count} of {all} sentences)."
        )
        self.legend.setText(legend.format(count=lost, all=len(links)))
        self.legend.setVisible(lost > 0)
        self.problems.set_problems(problems)
        facts = run_facts(run) if run is not None and part is None and not self._unfinished() else []
        self.facts.setText(" · ".join(facts))
        self.facts.setVisible(bool(facts))
        something = bool(text or error or problems or facts or part is not None)
        self.area.setVisible(something)
        self.empty.setVisible(not something)
        self.action_row.setVisible(part is None and run is not None and bool(text or run.status == "failed"))
        for key in ("copy", "save", "rewrite"):
            self.buttons[key].setEnabled(bool(text))
        self._show_fold()

    def set_alone(self, alone: bool) -> None:
        """Whether it is said elsewhere that this is the result, as by a tab."""
        self._alone = alone
        self.head.setVisible(not alone or self._shown is not None)

    def _show_title(self, part: PartRow | None) -> None:
        self.head.setVisible(not self._alone or part is not None)
        if part is None:
            self.title.setText(QCoreApplication.translate("Result", "Result").upper())
            self.where.setText("")
        else:
            self.title.setText(self.tree.name_of(part).split(" · ")[0].upper())
            facts = (" ".join(part.title.split()), self.tree.where(part))
            self.where.setText(" · ".join(filter(None, facts)))

    def _content(self, part: PartRow | None) -> tuple[str, list[Link], Sequence[Mapping[str, Any]]]:
        if part is not None:
            waiting = part.status == "waiting"
            text = self._texts.get(part.number, "") if waiting else part.text
            return text, [], () if part.status == "failed" and not text else part.problems
        run = self._run
        if run is None:
            live = self._live()
            shown = self.tree.part(live) if live is not None else None
            return self._texts.get(live or 0, "") or (shown.text if shown is not None else ""), [], ()
        if self._unfinished():
            return "", [], ()
        links = [Link.from_dict(value) for value in run.data.get("links") or ()]
        return run.result, [link for link in links if link.end <= len(run.result)], run.problems

    def _unfinished(self) -> bool:
        """Whether there is nothing of a result yet: that nothing of the text is in it goes without saying."""
        run = self._run
        return run is not None and run.status in ("stopped", "interrupted", "running") and not run.result

    def _show_fold(self) -> None:
        done, count = self.tree.progress()
        self.fold.setVisible(count > 0)
        words = QCoreApplication.translate("Result", "How it was made")
        if count == 1:
            parts = QCoreApplication.translate("Result", "1 part")
        elif done < count:
            parts = QCoreApplication.translate("Result", "{done} of {count} parts").format(
                done=done, count=count
            )
        else:
            parts = QCoreApplication.translate("Result", "{count} parts").format(count=count)
        self.fold.setText(f" {words} · {parts}")
        self.fold.setAccessibleName(f"{words}, {parts}")
        if not count:
            self.tree.hide()
            self.fold.setIcon(self._theme.icon("chevron-right", "muted"))
        self._fit_tree()

    def _fit_tree(self) -> None:
        """No higher than its rows."""
        rows, row = len(self.tree.parts()), max(22, self.tree.sizeHintForRow(0))
        self.tree.setMaximumHeight(max(1, rows) * row + 10)
        self.tree.setMinimumHeight(min(3, max(1, rows)) * row + 10)

    # ------------------------------------------------------------ places

    def _describe(self, link: Link) -> str:
        part = self.tree.part(link.part)
        words = []
        if part is not None:
            words.append(self.tree.name_of(part).split(" · ")[0])
        if 0 <= link.source < len(self._documents):
            document = self._documents[link.source]
            if len(self._documents) > 1:
                words.append(document.name)
            words.append(page_text(document, link.from_))
        text = ", ".join(word for word in words if word)
        return link_words(link, text[:1].lower() + text[1:] if text.isascii() else text)

    def _sentence_chosen(self, number: int) -> None:
        link = self.prose.sentences[number]
        place = self.prose.place_of(number)
        self.area.ensureVisible(0, int(self.prose.y() + place.center().y()), 0, int(place.height() / 2) + 8)
        self.tree.show_part(link.part)
        self._tell_place(link.source, link.from_, link.to)

    def _open_part(self, number: int) -> None:
        part = self.tree.part(number)
        if part is None:
            return
        if not self._running and self._run is not None and len(self.tree.parts()) == 1:
            self._shown = None  # the only part is the result
        else:
            self._shown = number
        self._show()
        self._tell_place(part.source, part.start, part.end)

    def _tell_place(self, source: int, start: int, end: int) -> None:
        if source >= 0:
            self.place_chosen.emit(source, start, end)


__all__ = ["ResultView", "coverage_text", "problem_text", "run_facts"]
