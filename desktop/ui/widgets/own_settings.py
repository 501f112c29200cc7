"""The settings that one model has for itself: only those that differ are shown, others can be added."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.theme import Theme
from desktop.ui.widgets.buttons import tool_button
from desktop.ui.widgets.setting_fields import setting_field
from desktop.workbench.collection import MODEL_SETTINGS, SYSTEM
from desktop.workbench.settings import BY_KEY

SYSTEM_HEIGHT = 72


class OwnSettings(QWidget):
    """Rows of settings with a button to take each away, and a menu of those that can be added.

    Signals:
        changed(dict): all settings that the model has for itself now.
    """

    changed = Signal(dict)

    def __init__(self, theme: Theme, default: Callable[[str], Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._default = theme, default
        self._values: dict[str, Any] = {}
        self._rows = QVBoxLayout()
        self._rows.setSpacing(6)
        self.add = QPushButton(QCoreApplication.translate("Models", "Add a setting"))
        self.add.setProperty("role", "link")
        self.add.setAccessibleName(
            QCoreApplication.translate("Models", "Add a setting that this model has for itself")
        )
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill_menu)
        self.add.setMenu(self._menu)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(self._rows)
        below = QHBoxLayout()
        below.addWidget(self.add)
        below.addStretch(1)
        column.addLayout(below)

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show what a model has for itself."""
        if dict(values) != self._values:
            self._values = {key: values[key] for key in MODEL_SETTINGS if key in values}
            self._build()

    def add_setting(self, key: str) -> None:
        """Give the model a setting of its own, starting with the value that it has now."""
        value = "" if key == SYSTEM else self._default(key)
        self._values = {
            k: {**self._values, key: value}[k] for k in MODEL_SETTINGS if k in {*self._values, key}
        }
        self._build()
        self.changed.emit(dict(self._values))

    def remove_setting(self, key: str) -> None:
        """Let the setting be what it is for all models."""
        self._values.pop(key, None)
        self._build()
        self.changed.emit(dict(self._values))

    def _set(self, key: str, value: object) -> None:
        if self._values.get(key) != value:
            self._values[key] = value
            self.changed.emit(dict(self._values))

    def _fill_menu(self) -> None:
        self._menu.clear()
        for key in MODEL_SETTINGS:
            if key not in self._values:
                self._menu.addAction(_label(key), partial(self.add_setting, key))

    def _build(self) -> None:
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for key, value in self._values.items():
            self._rows.addWidget(self._system_row(str(value)) if key == SYSTEM else self._row(key, value))
        self.add.setVisible(len(self._values) < len(MODEL_SETTINGS))

    def _row(self, key: str, value: Any) -> QWidget:
        setting = BY_KEY[key]
        field = setting_field(setting, setting.check(value), lambda new: self._set(key, new))
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(QLabel(_label(key)), 1)
        row.addWidget(field.widget)
        row.addWidget(self._remove_button(key))
        return holder

    def _system_row(self, value: str) -> QWidget:
        field = QPlainTextEdit(value)
        field.setFixedHeight(SYSTEM_HEIGHT)
        field.setTabChangesFocus(True)
        field.setAccessibleName(_label(SYSTEM))
        field.textChanged.connect(lambda: self._set(SYSTEM, field.toPlainText()))
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        head = QHBoxLayout()
        head.addWidget(QLabel(_label(SYSTEM)), 1)
        head.addWidget(self._remove_button(SYSTEM))
        column.addLayout(head)
        column.addWidget(field)
        return holder

    def _remove_button(self, key: str) -> QToolButton:
        words = QCoreApplication.translate("Models", "{setting}: as for all models").format(
            setting=_label(key)
        )
        button = tool_button(self._theme, "close", words, size=14)
        button.clicked.connect(lambda: self.remove_setting(key))
        return button


def _label(key: str) -> str:
    if key == SYSTEM:
        return QCoreApplication.translate("Models", "System prompt")
    return QCoreApplication.translate("Settings", BY_KEY[key].label)
