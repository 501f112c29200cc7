"""Find: the catalogue's recommendations for this computer, a search of the hub, and one repository's page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.actions import QT_TRANSLATE_NOOP
from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Job, Jobs
from desktop.ui.notices import Action, Notice, NoticeBar, error_notice
from desktop.ui.theme import Theme
from desktop.ui.widgets.entry_view import EntryView
from desktop.ui.widgets.facts import count_text, day_text, parameters_text, size_text, verdict_word
from desktop.ui.widgets.formula import Formulas
from desktop.ui.widgets.links import ask_to_open
from desktop.ui.widgets.offer_list import OfferList, OfferRow
from desktop.ui.widgets.repository_view import RepositoryView
from models.errors import RolltopError

if TYPE_CHECKING:
    from desktop.workbench.finder import RepositoryFacts
    from desktop.workbench.workbench import Workbench
    from models.catalogue import Entry, Recommendation
    from models.downloads import Item
    from models.hub import Found, Offer, Repository

LIST = 400
ASK_MS = 350
"""A repository is asked about once its row has been chosen for so long."""

SORTS: tuple[tuple[str, str], ...] = (
    ("downloads", QT_TRANSLATE_NOOP("Hub", "most downloaded")),
    ("likes", QT_TRANSLATE_NOOP("Hub", "most liked")),
    ("date", QT_TRANSLATE_NOOP("Hub", "newest")),
    ("trending", QT_TRANSLATE_NOOP("Hub", "trending")),
)
SIZES: tuple[tuple[int, str], ...] = (
    (0, QT_TRANSLATE_NOOP("Hub", "any size")),
    (2_000_000_000, QT_TRANSLATE_NOOP("Hub", "up to 2B")),
    (5_000_000_000, QT_TRANSLATE_NOOP("Hub", "up to 5B")),
    (10_000_000_000, QT_TRANSLATE_NOOP("Hub", "up to 10B")),
    (36_000_000_000, QT_TRANSLATE_NOOP("Hub", "up to 36B")),
)


PURPOSES: tuple[tuple[str, str], ...] = (
    ("", QT_TRANSLATE_NOOP("Hub", "For this computer")),
    ("multilingual", QT_TRANSLATE_NOOP("Hub", "For many languages")),
    ("code", QT_TRANSLATE_NOOP("Hub", "For code")),
    ("thinking", QT_TRANSLATE_NOOP("Hub", "For hard questions")),
    ("vision", QT_TRANSLATE_NOOP("Hub", "For images")),
    ("embedding", QT_TRANSLATE_NOOP("Hub", "For searching documents")),
    ("rerank", QT_TRANSLATE_NOOP("Hub", "For ranking what was found")),
)
"""What the catalogue's models are recommended for."""


class FindPage(QWidget):
    """Nothing is asked of the hub before the user searches, or asks for a model's files.

    Signals:
        download_added(Item): it is in the queue now.
    """

    download_added = Signal(object)

    def __init__(self, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme) -> None:
        super().__init__()
        self._finder, self._jobs, self._bridge = workbench.finder, jobs, bridge
        formulas = Formulas(jobs, self)
        self.search, self.sort, self.most = QLineEdit(), QComboBox(), QComboBox()
        self.go = QPushButton(QCoreApplication.translate("Hub", "Search"))
        self.head = QLabel()
        self.purpose = QComboBox()
        self.list = OfferList(theme)
        self.entry, self.repository = EntryView(theme), RepositoryView(theme, formulas)
        self.notice = NoticeBar(theme)
        self._job: Job | None = None
        self._recommending: Job | None = None
        self._wanted = ""
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(ASK_MS)
        self._lay_out()
        self._connect()
        self.recommend()

    def focus(self) -> None:
        """Put the keyboard on the search field."""
        self.search.setFocus()

    # ------------------------------------------------------------ building

    def _lay_out(self) -> None:
        words = QCoreApplication.translate("Hub", "Search Hugging Face, or paste the address of a model")
        self.search.setPlaceholderText(words)
        self.search.setAccessibleName(words)
        self.search.setMaxLength(500)
        for box, choices, name in (
            (self.sort, SORTS, QCoreApplication.translate("Hub", "Order")),
            (self.most, SIZES, QCoreApplication.translate("Hub", "Parameters")),
        ):
            for value, text in choices:
                box.addItem(QCoreApplication.translate("Hub", text), value)
            box.setAccessibleName(name)
            box.setFixedWidth(180)
        tools = QHBoxLayout()
        tools.setContentsMargins(24, 0, 24, 0)
        tools.setSpacing(8)
        tools.addWidget(self.search, 1)
        for widget in (self.sort, self.most, self.go):
            tools.addWidget(widget)
        self.head.setProperty("role", "section")
        self.list.setAccessibleName(QCoreApplication.translate("Hub", "Models that can be downloaded"))
        left = QWidget()
        left.setFixedWidth(LIST)
        column = QVBoxLayout(left)
        column.setContentsMargins(24, 0, 0, 12)
        column.setSpacing(8)
        self.head.setContentsMargins(2, 0, 0, 0)
        for purpose, text in PURPOSES:
            self.purpose.addItem(QCoreApplication.translate("Hub", text), purpose)
        self.purpose.setAccessibleName(QCoreApplication.translate("Hub", "What the model is for"))
        column.addWidget(self.purpose)
        column.addWidget(self.head)
        column.addWidget(self.list, 1)
        self.detail = QStackedWidget()
        self.detail.addWidget(QWidget())
        self.detail.addWidget(self.entry)
        self.detail.addWidget(self.repository)
        below = QHBoxLayout()
        below.setSpacing(0)
        below.addWidget(left)
        below.addWidget(self.detail, 1)
        self.notice.setContentsMargins(24, 0, 24, 0)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(12)
        outer.addLayout(tools)
        outer.addWidget(self.notice)
        outer.addLayout(below, 1)

    def _connect(self) -> None:
        self.search.returnPressed.connect(self.start)
        self.search.textChanged.connect(self._text_changed)
        self.go.clicked.connect(self.start)
        self.purpose.activated.connect(lambda _: self.recommend())
        self.sort.activated.connect(lambda _: self._again())
        self.most.activated.connect(lambda _: self._again())
        self.list.row_chosen.connect(self._chosen)
        self._wait.timeout.connect(lambda: self.ask(self._wanted))
        self.entry.download_requested.connect(self._download_entry)
        self.entry.files_requested.connect(lambda entry: self.ask(entry.repo))
        self.repository.download_requested.connect(self._download)
        self.repository.page_requested.connect(lambda repo: ask_to_open(self._finder.page_of(repo), self))

    # ------------------------------------------------------------ recommendations

    def recommend(self) -> None:
        """Show the catalogue, the best for this computer first."""
        self._wait.stop()
        purpose = self.purpose.currentData() or None
        if self._recommending is not None:
            self._recommending.cancel()  # what was asked before may be answered after
        self._recommending = self._jobs.run(
            lambda: self._finder.recommendations(purpose), self._show_recommendations, self._fail
        )

    def _show_recommendations(self, found: Sequence[Recommendation]) -> None:
        if self.search.text().strip():
            return
        self.purpose.show()
        self.head.hide()
        self.list.fill([_recommended_row(one) for one in found])

    def _text_changed(self, text: str) -> None:
        if not text.strip():
            self.notice.dismiss()
            self.recommend()

    # ------------------------------------------------------------ searching

    def start(self) -> None:
        """Search for the words, or open the repository whose address they are."""
        words = self.search.text().strip()
        self.notice.dismiss()
        if not words:
            self.recommend()
            return
        if self._job is not None:
            self._job.cancel()
        sort, most = self.sort.currentData(), self.most.currentData()
        self.purpose.hide()
        self.head.show()
        self.head.setText(QCoreApplication.translate("Hub", "Searching…").upper())
        self.list.fill([])
        self.detail.setCurrentIndex(0)
        self._job = self._jobs.run(
            lambda: self._finder.search(words, sort=sort, max_parameters=most or None),
            partial(self._show_found, words),
            self._not_found,
        )

    def _again(self) -> None:
        if self.search.text().strip():
            self.start()

    def _show_found(self, words: str, found: Sequence[Found] | str) -> None:
        if isinstance(found, str):  # an address: that repository itself
            self.head.setText(QCoreApplication.translate("Hub", "Address").upper())
            self.ask(found)
            return
        text = QCoreApplication.translate("Hub", "Found: {n}")
        if not found:
            text = QCoreApplication.translate("Hub", "Nothing was found for these words")
        self.head.setText(text.format(n=len(found)).upper())
        self.list.fill([_found_row(one) for one in found])

    def _not_found(self, error: Exception) -> None:
        self.head.setText(QCoreApplication.translate("Hub", "No answer").upper())
        self._fail(error)

    # ------------------------------------------------------------ one of them

    def _chosen(self, value: object) -> None:
        self._wait.stop()
        if not hasattr(value, "entry"):
            self._wanted = value.repo  # type: ignore[attr-defined]  # a Found
            self._wait.start()
            return
        self.entry.show_recommendation(value)  # type: ignore[arg-type]  # a Recommendation
        self.detail.setCurrentWidget(self.entry)

    def ask(self, repo: str) -> None:
        """Show a repository's page."""
        self._wanted = repo
        self.repository.begin(repo)
        self.detail.setCurrentWidget(self.repository)
        self._jobs.run(
            lambda: self._finder.repository(repo), partial(self._show_repository, repo), self._fail
        )

    def _show_repository(self, repo: str, facts: RepositoryFacts) -> None:
        if repo != self._wanted:
            return
        self.repository.show_repository(facts.repository, facts.verdicts, facts.here)
        found = facts.repository

        def card(text: str) -> None:
            if repo == self._wanted:
                self.repository.show_card(text)

        self._jobs.run(lambda: self._finder.card(found), card, lambda _error: None)

    # ------------------------------------------------------------ downloading

    def _download(self, repository: Repository, offer: Offer) -> None:
        self._add(lambda: self._finder.download(repository, offer))

    def _download_entry(self, entry: Entry) -> None:
        self.entry.set_busy(True)
        self._add(lambda: self._finder.download_entry(entry))

    def _add(self, act: object) -> None:
        def added(item: Item) -> None:
            self.entry.set_busy(False)
            self.download_added.emit(item)

        self._jobs.run(act, added, self._fail)  # type: ignore[arg-type]  # a function

    def _fail(self, error: Exception) -> None:
        self.entry.set_busy(False)
        notice = error_notice(error)
        code = error.code if isinstance(error, RolltopError) else ""
        self.notice.show_notice(Notice(notice.sentence, notice.hint, (*notice.actions, *self._way_out(code))))

    def _way_out(self, code: str) -> tuple[Action, ...]:
        if code in ("needs_token", "gated"):
            words = QCoreApplication.translate("Hub", "Open its page")
            return ((words, lambda: ask_to_open(self._finder.page_of(self._wanted), self)),)
        if code in ("no_network", "timeout", "hub_down", "rate_limited"):
            return ((QCoreApplication.translate("Hub", "Try again"), self.start),)
        return ()


def _recommended_row(one: Recommendation) -> OfferRow:
    entry = one.entry
    facts = [parameters_text(entry.parameters), size_text(entry.size_bytes), entry.publisher]
    good = {"fits": True, "too_big": False}.get(one.verdict)
    return OfferRow(entry.name, " · ".join(filter(None, facts)), one, verdict_word(one.verdict), good)


def _found_row(found: Found) -> OfferRow:
    downloads = QCoreApplication.translate("Hub", "{n} downloads").format(n=count_text(found.downloads))
    facts = [found.publisher, parameters_text(found.parameters), downloads, day_text(found.updated)]
    gated = QCoreApplication.translate("Hub", "on request") if found.gated else ""
    return OfferRow(found.name, " · ".join(filter(None, facts)), found, gated)
