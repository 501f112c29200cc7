"""The queue of downloads as rows: how far, how fast, how long still, and what can be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from desktop.ui.notices import error_text
from desktop.ui.theme import Theme
from desktop.ui.widgets.buttons import tool_button
from desktop.ui.widgets.facts import duration_text, size_text, speed_text
from desktop.ui.widgets.labels import set_role

if TYPE_CHECKING:
    from models.downloads import Item


class DownloadRow(QFrame):
    """One download.

    Signals:
        paused, resumed, cancelled(str id): a button was pressed.
    """

    paused = Signal(str)
    resumed = Signal(str)
    cancelled = Signal(str)

    def __init__(self, item: Item, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.item = item
        self.setProperty("role", "card")
        self.title, self.state = QLabel(), QLabel()
        for label in (self.title, self.state):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.state.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.pause = tool_button(theme, "pause", QCoreApplication.translate("Downloads", "Pause"))
        self.resume = tool_button(theme, "download", QCoreApplication.translate("Downloads", "Go on"))
        self.cancel = tool_button(theme, "close", QCoreApplication.translate("Downloads", "Cancel"))
        self.pause.clicked.connect(lambda: self.paused.emit(self.item.id))
        self.resume.clicked.connect(lambda: self.resumed.emit(self.item.id))
        self.cancel.clicked.connect(lambda: self.cancelled.emit(self.item.id))
        self._lay_out()
        self.show_item(item)

    def show_item(self, item: Item) -> None:
        """Show where it stands."""
        self.item = item
        self.title.setText(item.title)
        self.state.setText(state_text(item))
        set_role(self.state, "error" if item.status == "failed" else "fact")
        self.bar.setValue(round(1000 * item.done / item.total) if item.total else 0)
        self.bar.setAccessibleName(f"{item.title}: {self.state.text()}")
        self.bar.setVisible(item.status != "done")
        self.pause.setVisible(item.status in ("running", "waiting"))
        self.resume.setVisible(item.status in ("paused", "failed"))
        self.cancel.setVisible(item.status != "done")
        for button in (self.pause, self.resume, self.cancel):
            button.setAccessibleName(f"{button.toolTip()}: {item.title}")

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(6)
        words.addWidget(self.title)
        words.addWidget(self.bar)
        words.addWidget(self.state)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 12, 12, 12)
        row.setSpacing(8)
        row.addLayout(words, 1)
        for button in (self.pause, self.resume, self.cancel):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)


def state_text(item: Item) -> str:
    """Where a download stands, in one line."""
    if item.status == "failed" and item.error is not None:
        return " ".join(error_text(item.error)).strip()
    if item.status == "done":
        return QCoreApplication.translate("Downloads", "done · {size}").format(size=size_text(item.total))
    some = QCoreApplication.translate("Downloads", "{done} of {total}").format(
        done=size_text(item.done) or "0", total=size_text(item.total)
    )
    words = {
        "waiting": QCoreApplication.translate("Downloads", "waiting for its turn"),
        "paused": QCoreApplication.translate("Downloads", "paused"),
    }
    parts = [some, words.get(item.status, "")]
    if item.status == "running" and item.state == "checking":
        parts.append(QCoreApplication.translate("Downloads", "checking what has come"))
    elif item.status == "running" and item.state == "waiting" and item.error is not None:
        again = QCoreApplication.translate("Downloads", "{reason} Trying again soon.")
        parts.append(again.format(reason=error_text(item.error)[0]))
    elif item.status == "running":
        parts += [speed_text(item.speed), _left(item.remaining_s)]
    return " · ".join(part for part in parts if part)


def _left(seconds: float | None) -> str:
    if not seconds:
        return ""
    return QCoreApplication.translate("Downloads", "{time} left").format(time=duration_text(seconds))
