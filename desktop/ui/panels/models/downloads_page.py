"""Downloads: the queue, oldest first."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from desktop.ui.downloads import DownloadRunner
from desktop.ui.theme import Theme
from desktop.ui.widgets.chat_parts import EmptyState
from desktop.ui.widgets.download_list import DownloadRow

COLUMN = 760


class DownloadsPage(QWidget):
    """Shows what the runner tells, and hands it what the user wants.

    Signals:
        find_requested: the user wants something to download.
    """

    find_requested = Signal()

    def __init__(self, runner: DownloadRunner, theme: Theme) -> None:
        super().__init__()
        self._runner, self._theme = runner, theme
        self.rows: dict[str, DownloadRow] = {}
        self.empty = EmptyState()
        self.empty.say(
            QCoreApplication.translate("Downloads", "Nothing is being downloaded."),
            QCoreApplication.translate("Downloads", "Find a model"),
        )
        self.empty.acted.connect(self.find_requested)
        self.clear = QPushButton(QCoreApplication.translate("Downloads", "Clear finished ones"))
        self.clear.setProperty("role", "link")
        self.clear.clicked.connect(runner.clear_done)
        self._lay_out()
        runner.changed.connect(self.fill)
        runner.progressed.connect(self._progress)
        self.fill()

    def focus(self) -> None:
        """Put the keyboard on the first button."""
        first = next(iter(self.rows.values()), None)
        (first.pause if first is not None else self.empty.button).setFocus()

    def fill(self) -> None:
        """Show the queue as it is now; rows that stay are kept, with the keyboard in them."""
        items = self._runner.downloads.items()
        for id in self.rows.keys() - {item.id for item in items}:
            row = self.rows.pop(id)
            row.hide()
            row.deleteLater()
        for place, item in enumerate(items):
            if item.id not in self.rows:
                self.rows[item.id] = self._row(item)
            self.rows[item.id].show_item(item)
            self._column.insertWidget(place, self.rows[item.id])
        self.clear.setVisible(any(item.status == "done" for item in items))
        self._stack.setCurrentIndex(1 if items else 0)

    def _row(self, item: object) -> DownloadRow:
        row = DownloadRow(item, self._theme)  # type: ignore[arg-type]  # an Item
        row.paused.connect(self._runner.pause)
        row.resumed.connect(self._runner.resume)
        row.cancelled.connect(self._runner.cancel)
        return row

    def _progress(self, item: object) -> None:
        row = self.rows.get(item.id)  # type: ignore[attr-defined]  # an Item
        if row is not None:
            row.show_item(item)  # type: ignore[arg-type]

    def _lay_out(self) -> None:
        inner = QWidget()
        inner.setMaximumWidth(COLUMN)
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, 0, 16)
        self._column.setSpacing(8)
        self._column.addWidget(self.clear, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addStretch(1)
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(24, 0, 24, 0)
        row.addWidget(inner, 1)
        row.addStretch(0)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(holder)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(area)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._stack)
