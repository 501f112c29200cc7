"""Taking GGUF files into the library: as links, so that nothing is stored twice, or as copies."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QLabel, QRadioButton, QWidget

from desktop.ui.jobs import Jobs
from desktop.ui.panels.models.work_dialog import WorkDialog
from desktop.ui.theme import Theme
from models.gguf import shown

if TYPE_CHECKING:
    from desktop.workbench.workbench import Workbench

MOST_LISTED = 6


class ImportDialog(WorkDialog):
    """Asks how, then takes the files in one after the other.

    Signals:
        imported(Model): the last of them is in the library.
    """

    imported = Signal(object)

    def __init__(
        self,
        workbench: Workbench,
        jobs: Jobs,
        theme: Theme,
        files: Sequence[Path],
        parent: QWidget | None = None,
    ) -> None:
        title = QCoreApplication.translate("Models", "Import models")
        super().__init__(title, QCoreApplication.translate("Models", "Import"), jobs, theme, parent)
        self._collection, self._files = workbench.collection, list(files)
        names = [shown(path) for path in self._files[:MOST_LISTED]]
        if len(self._files) > MOST_LISTED:
            more = QCoreApplication.translate("Models", "and {n} more")
            names.append(more.format(n=len(self._files) - MOST_LISTED))
        listed = QLabel("\n".join(names))
        listed.setWordWrap(True)
        self.form.addWidget(listed)
        self.link = QRadioButton(QCoreApplication.translate("Models", "Use them where they are (a link)"))
        self.copy = QRadioButton(
            QCoreApplication.translate("Models", "Copy them into Rolltop's folder (needs the room)")
        )
        self.link.setChecked(True)
        for button in (self.link, self.copy):
            self.form.addWidget(button)

    def _make(self) -> Generator[float, None, Any]:
        return self._collection.importing(self._files, "link" if self.link.isChecked() else "copy")

    def _done(self, result: Any) -> None:
        self.imported.emit(result)
