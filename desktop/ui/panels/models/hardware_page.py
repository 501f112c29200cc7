"""Hardware: what models run on here, and why a graphics card is not used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from desktop.ui.actions import QT_TRANSLATE_NOOP
from desktop.ui.jobs import Jobs
from desktop.ui.notices import error_text
from desktop.ui.theme import Theme
from desktop.ui.widgets.memory_bar import MemoryBar

if TYPE_CHECKING:
    from desktop.workbench.workbench import Workbench

COLUMN = 660
KINDS = {
    "CPU": QT_TRANSLATE_NOOP("Hardware", "processor"),
    "GPU": QT_TRANSLATE_NOOP("Hardware", "graphics card"),
    "IGPU": QT_TRANSLATE_NOOP("Hardware", "graphics of the processor"),
    "ACCEL": QT_TRANSLATE_NOOP("Hardware", "accelerator"),
}


class HardwarePage(QWidget):
    """Asks a short-lived child each time it is shown: memory changes."""

    def __init__(self, workbench: Workbench, jobs: Jobs, theme: Theme) -> None:
        super().__init__()
        self._workbench, self._jobs, self._theme = workbench, jobs, theme
        self.again = QPushButton(QCoreApplication.translate("Hardware", "Look again"))
        self.again.clicked.connect(self.look)
        inner = QWidget()
        inner.setMaximumWidth(COLUMN)
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, 0, 24)
        self._column.setSpacing(8)
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(24, 0, 24, 0)
        row.addWidget(inner, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(holder)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self._say(QCoreApplication.translate("Hardware", "Looking…"))

    def focus(self) -> None:
        """Look again whenever the page is turned to."""
        self.again.setFocus()
        self.look()

    def look(self) -> None:
        """Ask for the devices."""
        self._jobs.run(self._workbench.hardware, self._show, self._failed)

    def _failed(self, error: Exception) -> None:
        self._say(" ".join(error_text(error)).strip())

    def _say(self, words: str) -> None:
        self._clear()
        self._column.addWidget(_label(words, ""))
        self._finish()

    def _show(self, facts: Mapping[str, Any]) -> None:
        self._clear()
        for device in facts["devices"]:
            self._column.addWidget(self._card(device))
        if reason := facts.get("no_gpu", ""):
            self._section(QCoreApplication.translate("Hardware", "Why no graphics card is used"))
            self._column.addWidget(_label(QCoreApplication.translate("Errors", reason), "muted"))
        self._section(QCoreApplication.translate("Hardware", "Versions"))
        for line in _versions(facts):
            self._column.addWidget(_label(line, "fact"))
        if facts["messages"]:
            self._section(QCoreApplication.translate("Hardware", "What the drivers said"))
            self._column.addWidget(_label("\n".join(facts["messages"]), "fact"))
        self._finish()

    def _card(self, device: Mapping[str, Any]) -> QFrame:
        card = QFrame()
        card.setProperty("role", "card")
        rows = QVBoxLayout(card)
        rows.setContentsMargins(16, 12, 16, 12)
        rows.setSpacing(4)
        rows.addWidget(_label(str(device["description"] or device["name"]).strip(), ""))
        kind = KINDS.get(device["kind"], "")
        words = QCoreApplication.translate("Hardware", kind) if kind else str(device["kind"])
        rows.addWidget(_label(f"{device['name']} · {words}", "fact"))
        if device["memory_total"]:
            bar = MemoryBar(self._theme)
            used = device["memory_total"] - device["memory_free"]
            words = QCoreApplication.translate("Hardware", "Memory in use")
            bar.show_parts(words, [(words, used)], device["memory_total"], free=False)
            rows.addWidget(bar)
        return card

    def _section(self, title: str) -> None:
        self._column.addSpacing(8)
        self._column.addWidget(_label(title.upper(), "section"))

    def _clear(self) -> None:
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None and widget is not self.again:
                widget.hide()
                widget.deleteLater()

    def _finish(self) -> None:
        self._column.addSpacing(8)
        self._column.addWidget(self.again, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addStretch(1)


def _versions(facts: Mapping[str, Any]) -> list[str]:
    backends = QCoreApplication.translate("Hardware", "Backends: {names}")
    features = QCoreApplication.translate("Hardware", "Processor features in use: {names}")
    return [
        f"llama.cpp {facts['llama_cpp']} · ggml {facts['ggml']} · llama-cpp-python {facts['bindings']}",
        backends.format(names=", ".join(facts["backends"])),
        features.format(names=", ".join(facts["features"])),
    ]


def _label(text: str, role: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        label.setProperty("role", role)
    return label
