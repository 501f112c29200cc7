"""How far a task is: loading, progress with an estimate, or stopped with a way to go on."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QWidget

from desktop.ui.theme import Theme
from desktop.ui.widgets.facts import duration_text
from desktop.ui.widgets.labels import plain_label


class TaskBar(QFrame):
    """A line that is there while a task runs, or while it can be taken up again.

    Attributes:
        label, bar, stop, resume: its parts.
    Signals:
        stop_requested, resume_requested
    """

    stop_requested = Signal()
    resume_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "notice-info")
        self.label = plain_label()
        self.bar = QProgressBar(self)
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setMinimumWidth(80)
        self.stop = QPushButton(" " + QCoreApplication.translate("TaskBar", "Stop"), self)
        self.stop.setIcon(theme.icon("stop", "muted"))
        self.stop.setAccessibleName(self.stop.text().strip())
        self.stop.setToolTip(QCoreApplication.translate("TaskBar", "What is finished is kept"))
        self.stop.clicked.connect(self.stop_requested)
        self.resume = QPushButton(" " + QCoreApplication.translate("TaskBar", "Resume"), self)
        self.resume.setIcon(theme.icon("continue", "muted"))
        self.resume.setAccessibleName(self.resume.text().strip())
        self.resume.setToolTip(QCoreApplication.translate("TaskBar", "Go on with the parts that are left"))
        self.resume.clicked.connect(self.resume_requested)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 6, 6)
        row.setSpacing(12)
        row.addWidget(self.label)
        row.addWidget(self.bar, 1)
        row.addStretch()
        row.addWidget(self.stop)
        row.addWidget(self.resume)
        self._offered = True
        self.hide()

    def show_progress(self, fraction: float, left_s: float | None, words: str = "") -> None:
        """Show how far the task is, 0 to 1, and the seconds that are left, None when unknown.

        `words`: what is being done, such as "3 of 12 parts".
        """
        percent = QCoreApplication.translate("TaskBar", "{percent} %").format(percent=int(100 * fraction))
        parts = [words, percent]
        if left_s is not None:
            left = QCoreApplication.translate("TaskBar", "about {time} left")
            parts.append(left.format(time=duration_text(left_s)))
        self._show(" · ".join(part for part in parts if part), fraction, running=True)

    def show_loading(self, fraction: float, model: str = "") -> None:
        """Show how far the model is loaded, 0 to 1."""
        pattern = (
            QCoreApplication.translate("TaskBar", "Loading {model} · {percent} %")
            if model
            else QCoreApplication.translate("TaskBar", "Loading the model · {percent} %")
        )
        self._show(pattern.format(model=model, percent=int(100 * fraction)), fraction, running=True)

    def show_busy(self, words: str) -> None:
        """Show that something is being done whose end is not known, and that can be stopped."""
        self._show(words, None, running=True)

    def show_stopped(self, text: str) -> None:
        """Say that the task is not finished, and offer to go on."""
        self._show(text, None, running=False)

    def offer_stop(self, offered: bool) -> None:
        """Whether to offer Stop here; not where a button beside it does."""
        self._offered = offered
        self.stop.setVisible(offered and self.resume.isHidden())

    def set_stopping(self) -> None:
        """Stop was asked for, and takes a moment."""
        self.stop.setEnabled(False)
        self.label.setText(QCoreApplication.translate("TaskBar", "Stopping…"))

    def _show(self, text: str, fraction: float | None, *, running: bool) -> None:
        had_keyboard = self.stop.hasFocus() or self.resume.hasFocus()
        stopping = running and not self.isHidden() and not self.stop.isEnabled()
        if not stopping:  # what comes after Stop was pressed says nothing new
            self.label.setText(text)
            self.setAccessibleName(text)
            self.bar.setAccessibleName(text)
        self.bar.setVisible(fraction is not None)
        self.bar.setValue(round(1000 * (fraction or 0.0)))
        self.stop.setVisible(running and self._offered)
        self.stop.setEnabled(not stopping)
        self.resume.setVisible(not running)
        self.show()
        if had_keyboard:
            (self.stop if running else self.resume).setFocus()  # a hidden one leaves it where it is

    def hideEvent(self, event: object) -> None:
        """The next task can be stopped again."""
        self.stop.setEnabled(True)
