"""The Models panel: what is on this computer, what could be had, what is on its way, what it runs on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.bridge import Bridge
from desktop.ui.downloads import DownloadRunner
from desktop.ui.jobs import Jobs
from desktop.ui.notices import Notice
from desktop.ui.panels.models.downloads_page import DownloadsPage
from desktop.ui.panels.models.find_page import FindPage
from desktop.ui.panels.models.hardware_page import HardwarePage
from desktop.ui.panels.models.import_dialog import ImportDialog
from desktop.ui.panels.models.library_page import LibraryPage
from desktop.ui.panels.models.metadata_dialog import MetadataDialog
from desktop.ui.panels.models.quantize_dialog import QuantizeDialog
from desktop.ui.theme import Theme

if TYPE_CHECKING:
    from desktop.workbench.workbench import Workbench
    from models.library import Model


class ModelsPanel(QWidget):
    """Frames the four pages.

    Signals:
        chat_requested(str key): talk to this model, an id or a path.
    """

    chat_requested = Signal(str)

    def __init__(
        self, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme, runner: DownloadRunner
    ) -> None:
        super().__init__()
        self._workbench, self._jobs, self._bridge, self._theme = workbench, jobs, bridge, theme
        self.library_page = LibraryPage(workbench, jobs, bridge, theme)
        self.find_page = FindPage(workbench, jobs, bridge, theme)
        self.downloads_page = DownloadsPage(runner, theme)
        self.hardware_page = HardwarePage(workbench, jobs, theme)
        self._runner = runner
        self._buttons: dict[str, QPushButton] = {}
        self._stack = QStackedWidget()
        self._lay_out()
        self._connect()
        self._count()
        self.library_page.scan()

    def focus(self) -> None:
        """Put the keyboard into the page that is shown."""
        self._ask(self._stack.currentWidget())

    @staticmethod
    def _ask(page: Any) -> None:
        page.focus()  # each page has it

    def about_to_close(self) -> None:
        """Keep a note that is being written."""
        self.library_page.page.keep_note()

    def show_page(self, name: str) -> None:
        """Show "library", "find", "downloads" or "hardware"."""
        self._buttons[name].setChecked(True)
        self._stack.setCurrentWidget(getattr(self, f"{name}_page"))
        self.focus()

    def find_models(self) -> None:
        """Look for models that can be downloaded."""
        self.show_page("find")

    def import_model(self) -> None:
        """Ask for GGUF files and take them into the library."""
        title = QCoreApplication.translate("Models", "Choose GGUF files")
        kinds = QCoreApplication.translate("Models", "GGUF models (*.gguf)")
        files, _ = QFileDialog.getOpenFileNames(self, title, "", kinds)
        if files:
            self._import([Path(file) for file in files])

    # ------------------------------------------------------------ building

    def _lay_out(self) -> None:
        title = QLabel(QCoreApplication.translate("Models", "Models"))
        title.setProperty("role", "title")
        head = QHBoxLayout()
        head.setContentsMargins(24, 16, 24, 12)
        head.setSpacing(4)
        head.addWidget(title)
        head.addSpacing(12)
        self._group = QButtonGroup(self)
        for name, word in (
            ("library", QCoreApplication.translate("Models", "On this computer")),
            ("find", QCoreApplication.translate("Models", "Find models")),
            ("downloads", QCoreApplication.translate("Models", "Downloads")),
            ("hardware", QCoreApplication.translate("Models", "Hardware")),
        ):
            button = QPushButton(word)
            button.setProperty("role", "tab")
            button.setCheckable(True)
            button.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
            button.clicked.connect(lambda _=False, name=name: self.show_page(name))
            self._group.addButton(button)
            self._buttons[name] = button
            head.addWidget(button)
            self._stack.addWidget(getattr(self, f"{name}_page"))
        self._buttons["library"].setChecked(True)
        head.addStretch(1)
        head.addWidget(self._folders_button())
        add = QPushButton(QCoreApplication.translate("Models", "Import…"))
        add.setAccessibleName(QCoreApplication.translate("Models", "Import GGUF files"))
        add.clicked.connect(self.import_model)
        head.addWidget(add)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self._stack, 1)

    def _folders_button(self) -> QPushButton:
        button = QPushButton(QCoreApplication.translate("Models", "Folders"))
        self._folders = QMenu(self)
        self._folders.aboutToShow.connect(self._fill_folders)
        button.setMenu(self._folders)
        return button

    def _connect(self) -> None:
        library, find = self.library_page, self.find_page
        library.chat_requested.connect(self.chat_requested)
        library.find_requested.connect(lambda: self.show_page("find"))
        library.files_dropped.connect(self._import)
        library.details_requested.connect(self._show_metadata)
        library.quantize_requested.connect(self._quantize)
        find.download_added.connect(self._download_added)
        self.downloads_page.find_requested.connect(lambda: self.show_page("find"))
        self._runner.changed.connect(self._count)
        self._bridge.settings_changed.connect(self._setting_changed)

    # ------------------------------------------------------------ downloads and imports

    def _download_added(self, item: Any) -> None:
        self._runner.start()
        words = QCoreApplication.translate("Models", "{model} is being downloaded.").format(model=item.title)
        show = QCoreApplication.translate("Models", "Show downloads")
        act = partial(self.show_page, "downloads")
        self._bridge.notice.emit(Notice(words, actions=((show, act),), kind="info"))

    def _count(self) -> None:
        active = sum(item.status in ("running", "waiting") for item in self._runner.downloads.items())
        word = QCoreApplication.translate("Models", "Downloads")
        self._buttons["downloads"].setText(f"{word} {active}" if active else word)

    def _import(self, files: Sequence[Path]) -> None:
        dialog = ImportDialog(self._workbench, self._jobs, self._theme, files, self)
        dialog.imported.connect(self._imported)
        dialog.open()

    def _imported(self, model: Model) -> None:
        self._bridge.models_changed.emit()
        self.show_page("library")

    def _quantize(self, model: Model) -> None:
        dialog = QuantizeDialog(self._workbench, self._jobs, self._theme, model, self)
        dialog.made.connect(self._imported)
        dialog.open()

    def _show_metadata(self, model: Model) -> None:
        def show(header: Any) -> None:
            MetadataDialog(model.name, header, self._theme, self).open()

        self._jobs.run(lambda: self._workbench.collection.details(model), show, self._bridge.notice_error)

    # ------------------------------------------------------------ folders

    def _fill_folders(self) -> None:
        self._folders.clear()
        collection = self._workbench.collection
        words = QCoreApplication.translate("Models", "Add a folder…")
        self._folders.addAction(self._theme.icon("plus", "muted"), words, self._add_folder)
        self._folders.addSeparator()
        stop = QCoreApplication.translate("Models", "Look no more into {folder}")
        for folder in collection.folders():
            self._folders.addAction(stop.format(folder=folder), partial(self._remove_folder, folder))
        apps = self._folders.addAction(QCoreApplication.translate("Models", "Models of other apps"))
        apps.setCheckable(True)
        apps.setChecked(bool(self._workbench.settings.get("other_apps")))
        apps.toggled.connect(lambda on: self._keep(lambda: self._workbench.settings.set("other_apps", on)))

    def _add_folder(self) -> None:
        title = QCoreApplication.translate("Models", "Choose a folder with GGUF files")
        folder = QFileDialog.getExistingDirectory(self, title)
        if folder:
            self._keep(lambda: self._workbench.collection.add_folder(Path(folder)))

    def _remove_folder(self, folder: Path) -> None:
        self._keep(lambda: self._workbench.collection.remove_folder(folder))

    def _keep(self, act: Any) -> None:
        self._jobs.run(act, lambda _: self._bridge.models_changed.emit(), self._bridge.notice_error)

    def _setting_changed(self, key: str) -> None:
        if key == "other_apps":
            self._bridge.models_changed.emit()
        elif key == "parallel_downloads":
            self._runner.start()
