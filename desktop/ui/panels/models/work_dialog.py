"""A dialog around one long piece of work: what is asked first, then how far it is, and how it ended."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from desktop.ui.jobs import Job, Jobs, Work
from desktop.ui.notices import error_text
from desktop.ui.theme import Theme

WIDTH, MARGIN = 460, 20


class WorkDialog(QDialog):
    """Asks, works on a worker, tells; closing it while it works stops the work.

    Subclasses fill `form`, and give `_make` and `_done`.
    """

    def __init__(self, title: str, start: str, jobs: Jobs, theme: Theme, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.setFixedWidth(WIDTH)
        self._jobs = jobs
        self._job: Job | None = None
        self._work: Work[float, Any] | None = None
        self.form = QVBoxLayout()
        self.form.setSpacing(8)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.hide()
        self.trouble = QLabel()
        self.trouble.setProperty("role", "error")
        self.trouble.setTextFormat(Qt.TextFormat.PlainText)
        self.trouble.setWordWrap(True)
        self.trouble.hide()
        self.start = QPushButton(start)
        self.start.setProperty("role", "primary")
        self.start.clicked.connect(self.begin)
        self.start.setDefault(True)
        self.start.setFocus()
        self.cancel = QPushButton(QCoreApplication.translate("Models", "Cancel"))
        self.cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.start)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, 16, MARGIN, 16)
        column.setSpacing(12)
        column.addLayout(self.form)
        column.addWidget(self.bar)
        column.addWidget(self.trouble)
        column.addLayout(buttons)

    def begin(self) -> None:
        """Start the work."""
        self.trouble.hide()
        self.bar.setValue(0)
        self.bar.show()
        self.start.setEnabled(False)
        work = self._work = Work(self._make())
        self._job = self._jobs.stream(lambda: work, self._progress, self._ended, self._failed)

    def done(self, result: int) -> None:
        """Stop the work when there is any; what was half made is taken away by it."""
        if self._job is not None:
            self._job.cancel()
        super().done(result)

    def _make(self) -> Generator[float, None, Any]:
        raise NotImplementedError

    def _done(self, result: Any) -> None:
        raise NotImplementedError

    def _progress(self, fractions: list[float]) -> None:
        self.bar.setValue(round(1000 * fractions[-1]))
        self.bar.setAccessibleName(f"{round(100 * fractions[-1])} %")

    def _ended(self) -> None:
        self._job = None
        assert self._work is not None
        self._done(self._work.result)
        self.accept()

    def _failed(self, error: Exception) -> None:
        self._job = None
        self.bar.hide()
        self.start.setEnabled(True)
        self.trouble.setText(" ".join(error_text(error)).strip())
        # The dialog grows by what the wrapped words need.
        self.trouble.setMinimumHeight(self.trouble.heightForWidth(WIDTH - 2 * MARGIN))
        self.trouble.show()
        self.adjustSize()
