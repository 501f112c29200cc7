"""The LoRA adapters of a conversation: files with a strength each, added and taken away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.theme import Theme
from desktop.ui.widgets.buttons import tool_button
from models.engine.protocol import Adapter
from models.gguf import shown

NAME = 130
MOST_STRENGTH = 10.0


class AdapterList(QWidget):
    """A row for each adapter, and a button that adds one.

    Signals:
        changed: an adapter came, went, or has another strength.
    """

    changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.adapters: tuple[Adapter, ...] = ()
        self._rows = QVBoxLayout()
        self._rows.setSpacing(2)
        self.add = QPushButton(QCoreApplication.translate("Inspector", "Add a LoRA adapter…"))
        self.add.setProperty("role", "link")
        self.add.setAccessibleName(self.add.text())
        self.add.clicked.connect(self._ask)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(self._rows)
        column.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)

    def set_adapters(self, adapters: Sequence[Adapter]) -> None:
        """Show these, without telling of a change."""
        if tuple(adapters) != self.adapters:
            self.adapters = tuple(adapters)
            self._build()

    def add_file(self, path: str) -> None:
        """Add an adapter with its full strength; one that is there already stays as it is."""
        if path and path not in {adapter.path for adapter in self.adapters}:
            self._set((*self.adapters, Adapter(path)))

    def _ask(self) -> None:
        title = QCoreApplication.translate("Inspector", "Choose a LoRA adapter")
        kinds = QCoreApplication.translate("Inspector", "GGUF adapters (*.gguf)")
        path, _ = QFileDialog.getOpenFileName(self, title, "", kinds)
        self.add_file(path)

    def _set(self, adapters: tuple[Adapter, ...]) -> None:
        self.adapters = adapters
        self._build()
        self.changed.emit()

    def _scaled(self, path: str, scale: float) -> None:
        self.adapters = tuple(
            Adapter(path, round(scale, 2)) if one.path == path else one for one in self.adapters
        )
        self.changed.emit()

    def _build(self) -> None:
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for adapter in self.adapters:
            self._rows.addWidget(self._row(adapter))

    def _row(self, adapter: Adapter) -> QWidget:
        name = shown(Path(adapter.path))
        label = QLabel()
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setToolTip(adapter.path)
        label.setText(QFontMetrics(label.font()).elidedText(name, Qt.TextElideMode.ElideMiddle, NAME))
        strength = QDoubleSpinBox()
        strength.setRange(-MOST_STRENGTH, MOST_STRENGTH)
        strength.setSingleStep(0.1)
        strength.setKeyboardTracking(False)
        strength.setProperty("role", "value")
        strength.setFixedWidth(60)
        strength.setAlignment(Qt.AlignmentFlag.AlignRight)
        strength.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        strength.setValue(adapter.scale)
        words = QCoreApplication.translate("Inspector", "Strength of {name}").format(name=name)
        strength.setAccessibleName(words)
        strength.setToolTip(words)
        strength.valueChanged.connect(lambda value: self._scaled(adapter.path, value))
        words = QCoreApplication.translate("Inspector", "Take away {name}").format(name=name)
        gone = tool_button(self._theme, "close", words, size=14)
        gone.clicked.connect(lambda: self._set(tuple(a for a in self.adapters if a.path != adapter.path)))
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(label, 1)
        row.addWidget(strength)
        row.addWidget(gone)
        return holder
