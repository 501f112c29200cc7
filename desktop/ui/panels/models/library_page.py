"""On this computer: the table of models, and the page of the one that is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QFileSystemWatcher, QMimeData, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Job, Jobs, Work
from desktop.ui.notices import Notice, error_notice, error_text
from desktop.ui.theme import Theme
from desktop.ui.widgets.chat_parts import EmptyState
from desktop.ui.widgets.facts import capability_words, size_text
from desktop.ui.widgets.model_list import ModelList
from desktop.ui.widgets.model_page import ModelPage
from models.gguf import printable

if TYPE_CHECKING:
    from desktop.workbench.collection import ModelEntry
    from desktop.workbench.workbench import Workbench
    from models.errors import UserError
    from models.fit import Plan
    from models.library import Model, ScanProgress

KINDS = ("chat", "thinking", "tools", "vision", "embedding", "rerank")
SOON = 20
"""So many files are looked through before anybody could read about it."""
MOST_TOLD = 12
WATCH_MS = 800
"""Changes in a folder come in crowds; the library is looked through once they have calmed down."""


class LibraryPage(QWidget):
    """Lists the models, watches their folders, and does what the buttons of the detail page ask for.

    Signals:
        chat_requested(str id): talk to this model.
        find_requested: look for other models.
        quantize_requested, details_requested(Model): the panel opens a dialog.
        files_dropped(list of Path): GGUF files were dropped here.
    """

    chat_requested = Signal(str)
    find_requested = Signal()
    quantize_requested = Signal(object)
    details_requested = Signal(object)
    files_dropped = Signal(list)

    def __init__(self, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme) -> None:
        super().__init__()
        self._collection, self._jobs, self._bridge = workbench.collection, jobs, bridge
        self.search, self.kind = QLineEdit(), QComboBox()
        self.list = ModelList(theme)
        self.page = ModelPage(theme, workbench.settings.get)
        self.empty = EmptyState()
        self.state = QLabel()
        self.state.setProperty("role", "fact")
        self.left_out = QPushButton()
        self.left_out.setProperty("role", "link")
        self.left_out.clicked.connect(self._tell_problems)
        self.left_out.hide()
        self._problems: list[tuple[Path, UserError]] = []
        self._scanning: Job | None = None
        self._planning: Job | None = None
        self._again = False
        self._watcher = QFileSystemWatcher(self)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(WATCH_MS)
        self._lay_out()
        self._connect()
        self.setAcceptDrops(True)

    def focus(self) -> None:
        """Put the keyboard on the list."""
        self.list.setFocus()

    def scan(self) -> None:
        """Look through the folders on a worker; once more afterwards when asked for meanwhile."""
        if self._scanning is not None and self._scanning.active:
            self._again = True
            return
        self._again = False
        work = Work(self._collection.scanning())
        self._scanning = self._jobs.stream(
            lambda: work,
            self._show_progress,
            lambda: self._scanned(work.result or []),
            self._bridge.notice_error,
        )

    def choose(self, id: str) -> None:
        """Choose a model in the list."""
        self.list.choose(id)

    # ------------------------------------------------------------ building

    def _lay_out(self) -> None:
        self.search.setPlaceholderText(QCoreApplication.translate("Models", "Filter by words"))
        self.search.setAccessibleName(QCoreApplication.translate("Models", "Filter by words"))
        self.search.setMinimumWidth(160)
        self.search.setMaximumWidth(300)
        self.kind.setAccessibleName(QCoreApplication.translate("Models", "Kind of model"))
        self.kind.addItem(QCoreApplication.translate("Models", "all kinds"), "")
        for kind in KINDS:
            self.kind.addItem(capability_words({kind})[0], kind)
        tools = QHBoxLayout()
        tools.setSpacing(8)
        tools.addWidget(self.search, 1)
        tools.addWidget(self.kind)
        tools.addStretch(1)
        words = QCoreApplication.translate("Models", "No model fits these words.")
        self.empty.say(words, QCoreApplication.translate("Models", "Show all models"))
        self._stack = QStackedWidget()
        self._stack.addWidget(self.list)
        self._stack.addWidget(self.empty)
        left = QVBoxLayout()
        left.setContentsMargins(24, 0, 16, 16)
        left.setSpacing(12)
        left.addLayout(tools)
        left.addWidget(self._stack, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.state)
        foot.addStretch(1)
        foot.addWidget(self.left_out)
        left.addLayout(foot)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addLayout(left, 1)
        row.addWidget(self.page)

    def _connect(self) -> None:
        self.search.textChanged.connect(self.list.set_words)
        self.search.textChanged.connect(self._show_rows)
        self.kind.activated.connect(lambda _: self._filter())
        self.empty.acted.connect(self._show_all)
        self.list.entry_chosen.connect(self._chosen)
        self.list.entry_opened.connect(lambda entry: self.chat_requested.emit(entry.model.id))
        page = self.page
        page.chat_requested.connect(lambda model: self.chat_requested.emit(model.id))
        page.reveal_requested.connect(self._reveal)
        page.delete_requested.connect(self._ask_delete)
        page.quantize_requested.connect(self.quantize_requested)
        page.details_requested.connect(self.details_requested)
        page.note_changed.connect(lambda id, text: self._keep(partial(self._collection.set_note, id, text)))
        page.settings_changed.connect(self._keep_settings)
        page.plan.changed.connect(self._plan)
        page.plan.kept.connect(self._keep_planned)
        self._watcher.directoryChanged.connect(lambda _: self._calm.start())
        self._calm.timeout.connect(self.scan)
        self._bridge.models_changed.connect(self.scan)
        self._bridge.engines_changed.connect(self.scan)

    # ------------------------------------------------------------ listing

    def _show_progress(self, events: list[ScanProgress]) -> None:
        if events[-1].found > SOON:
            words = QCoreApplication.translate("Models", "Looking through the folders: {done} of {found}")
            self.state.setText(words.format(done=events[-1].done, found=events[-1].found))

    def _scanned(self, entries: list[ModelEntry]) -> None:
        self.list.fill(entries)
        self._show_rows()
        self._jobs.run(self._collection.watched, self._watch, self._bridge.notice_error)
        self._problems = self._collection.problems()
        words = QCoreApplication.translate("Models", "Left out: {n}")
        self.left_out.setText(words.format(n=len(self._problems)))
        self.left_out.setVisible(bool(self._problems))
        size = size_text(sum(entry.model.size_bytes for entry in entries))
        words = QCoreApplication.translate("Models", "{n} in all · {size}")
        self.state.setText(words.format(n=len(entries), size=size))
        if self._again:
            self.scan()

    def _watch(self, folders: list[Path]) -> None:
        wanted, watched = {str(path) for path in folders}, set(self._watcher.directories())
        if gone := watched - wanted:
            self._watcher.removePaths(list(gone))
        if new := wanted - watched:
            self._watcher.addPaths(list(new))

    def _tell_problems(self) -> None:
        """Say which files and folders were left out, and why."""
        lines = [
            f"{printable(str(path))}: {error_text(error)[0]}" for path, error in self._problems[:MOST_TOLD]
        ]
        words = QCoreApplication.translate("Models", "These files and folders were left out:")
        self._bridge.notice.emit(Notice(words, "\n".join(lines), kind="info"))

    def _filter(self) -> None:
        self.list.set_capability(self.kind.currentData())
        self._show_rows()

    def _show_rows(self, *_: object) -> None:
        self._stack.setCurrentWidget(self.list if self.list.filter.rowCount() else self.empty)

    def _show_all(self) -> None:
        self.search.clear()
        self.kind.setCurrentIndex(0)
        self._filter()

    # ------------------------------------------------------------ the page

    def _chosen(self, entry: ModelEntry | None) -> None:
        before = self.page.entry
        self.page.show_entry(entry)
        if entry is None:
            return
        id = entry.model.id
        self._jobs.run(lambda: self._collection.details(entry.model), partial(self._details, id), _ignore)
        if before is None or before.model.id != id or before.settings != entry.settings:
            self.page.plan.begin(entry, self._collection.loading_settings(entry))
        self._plan()

    def _details(self, id: str, header: object) -> None:
        if self.page.entry is not None and self.page.entry.model.id == id:
            self.page.show_details(header)  # type: ignore[arg-type]

    def _plan(self) -> None:
        """Have the memory plan made for what the page asks."""
        entry, wish = self.page.entry, self.page.plan.wish()
        if self._planning is not None:
            self._planning.cancel()  # what was asked before may be answered after
        if entry is not None:
            self._planning = self._jobs.run(
                lambda: self._make_plan(entry.model, wish),
                lambda made: self.page.plan.show_plan(entry.model.id, *made),
                _ignore,
            )

    def _make_plan(self, model: Model, wish: dict[str, object]) -> tuple[Plan, int]:
        """A plan, and the largest context that would fit when this one does not."""
        plan = self._collection.plan(model, wish)
        return plan, self._collection.largest_context(model) if plan.verdict == "too_big" else 0

    def _keep_settings(self, id: str, values: dict[str, object]) -> None:
        self._keep(partial(self._collection.set_settings, id, values), self._bridge.models_changed.emit)

    def _keep_planned(self, values: dict[str, object]) -> None:
        entry = self.page.entry
        if entry is not None:
            self._keep_settings(entry.model.id, {**entry.settings, **values})

    def _keep(self, act: partial[None], then: object = None) -> None:
        self._jobs.run(act, lambda _: then() if callable(then) else None, self._bridge.notice_error)

    def _reveal(self, model: Model) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(model.path.parent)))

    # ------------------------------------------------------------ deleting

    def _ask_delete(self, model: Model) -> None:
        """Say what a deletion frees, and ask once: a trash on another disk may not give it back."""

        def ask(freed: int) -> None:
            text = QCoreApplication.translate("Models", "Move {model} to the trash?")
            frees = QCoreApplication.translate("Models", "This frees {size} once the trash is emptied.")
            if not freed:
                frees = QCoreApplication.translate(
                    "Models", "Its file stays where it is; only the link in Rolltop's folder goes."
                )
            self._confirm(
                text.format(model=model.name),
                frees.format(size=size_text(freed)),
                QCoreApplication.translate("Models", "Move to trash"),
                partial(self._delete, model),
            )

        self._jobs.run(lambda: self._collection.freed_by(model), ask, self._bridge.notice_error)

    def _delete(self, model: Model, *, for_good: bool = False) -> None:
        def done(freed: int) -> None:
            words = QCoreApplication.translate("Models", "{model} was moved to the trash.")
            if for_good:
                words = QCoreApplication.translate("Models", "{model} was deleted.")
            self._bridge.notice.emit(Notice(words.format(model=model.name), kind="info"))
            self._bridge.models_changed.emit()

        def failed(error: Exception) -> None:
            if getattr(error, "code", "") != "no_trash":
                self._bridge.notice_error(error)
                return
            words = QCoreApplication.translate("Models", "Delete for good")
            again = partial(self._delete, model, for_good=True)
            self._bridge.notice.emit(error_notice(error, [(words, again)]))

        self._jobs.run(lambda: self._collection.remove(model, for_good=for_good), done, failed)

    def _confirm(self, text: str, more: str, yes: str, act: partial[None]) -> None:
        box = QMessageBox(QMessageBox.Icon.NoIcon, "Rolltop", text, parent=self)
        box.setInformativeText(more)
        button = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
        no = QCoreApplication.translate("Models", "Cancel")
        box.addButton(no, QMessageBox.ButtonRole.RejectRole)
        box.buttonClicked.connect(lambda clicked: act() if clicked is button else None)
        box.setDefaultButton(button)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    # ------------------------------------------------------------ dropping

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_models(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.files_dropped.emit(dropped_models(event.mimeData()))


def dropped_models(data: QMimeData) -> Sequence[Path]:
    """The GGUF files among what is dragged."""
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix.lower() == ".gguf"]


def _ignore(error: Exception) -> None:
    """What a file says is extra: a file that has just gone is told by the next scan."""
