"""Fields for settings, built from their declarations: a check box, a choice, a number or a line of text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox, QWidget

from desktop.ui.actions import QT_TRANSLATE_NOOP
from desktop.ui.language import NAMES

if TYPE_CHECKING:
    from desktop.workbench.settings import Setting, Value

FIELD = 160
TEXT_FIELD = 240
INT_LIMIT = 2**31 - 1

CHOICES = {
    "system": QT_TRANSLATE_NOOP("Settings", "as the system"),
    "light": QT_TRANSLATE_NOOP("Settings", "light"),
    "dark": QT_TRANSLATE_NOOP("Settings", "dark"),
    "auto": QT_TRANSLATE_NOOP("Settings", "automatic"),
    "on": QT_TRANSLATE_NOOP("Settings", "on"),
    "off": QT_TRANSLATE_NOOP("Settings", "off"),
    **NAMES,
}

SPECIAL = {
    "context_size": QT_TRANSLATE_NOOP("Settings", "automatic"),
    "gpu_layers": QT_TRANSLATE_NOOP("Settings", "automatic"),
    "threads": QT_TRANSLATE_NOOP("Settings", "automatic"),
    "idle_unload_minutes": QT_TRANSLATE_NOOP("Settings", "never"),
    "max_tokens": QT_TRANSLATE_NOOP("Settings", "no limit"),
    "top_k": QT_TRANSLATE_NOOP("Settings", "off"),
    "min_p": QT_TRANSLATE_NOOP("Settings", "off"),
    "hub_endpoint": "https://huggingface.co",
    "proxy": QT_TRANSLATE_NOOP("Settings", "as the system"),
}
"""What the least value of a number, or an empty text, means where it means something of its own."""


@dataclass(frozen=True)
class Field:
    """A widget for one setting. `show` puts another value into it without telling of a change."""

    widget: QWidget
    show: Callable[[object], None]


def setting_field(setting: Setting, value: Value, changed: Callable[[object], object]) -> Field:
    """The field of a setting; `changed` is called with what the user puts into it."""
    field = _made(setting, changed)
    field.show(value)
    field.widget.setAccessibleName(QCoreApplication.translate("Settings", setting.label))
    field.widget.setAccessibleDescription(QCoreApplication.translate("Settings", setting.help))
    return field


def _made(setting: Setting, changed: Callable[[object], object]) -> Field:
    if setting.type is bool:
        return _check(changed)
    if setting.choices:
        return _choice(setting, changed)
    return _text(setting, changed) if setting.type is str else _number(setting, changed)


def _check(changed: Callable[[object], object]) -> Field:
    box = QCheckBox()
    box.setProperty("role", "bare")  # its words stand elsewhere
    box.toggled.connect(changed)
    return Field(box, lambda value: _quietly(box, lambda: box.setChecked(bool(value))))


def _choice(setting: Setting, changed: Callable[[object], object]) -> Field:
    box = _Choice()
    for choice in setting.choices:
        word = CHOICES.get(str(choice), str(choice))
        box.addItem(QCoreApplication.translate("Settings", word), choice)
    box.setFixedWidth(FIELD)
    box.activated.connect(lambda row: changed(box.itemData(row)))
    return Field(box, lambda value: box.setCurrentIndex(box.findData(value)))


def _text(setting: Setting, changed: Callable[[object], object]) -> Field:
    field = QLineEdit()
    field.setFixedWidth(TEXT_FIELD)
    field.setMaxLength(500)
    empty = SPECIAL.get(setting.key, "")
    field.setPlaceholderText(QCoreApplication.translate("Settings", empty))
    field.editingFinished.connect(lambda: changed(field.text().strip()))

    def show(value: object) -> None:
        if field.text() != value:
            field.setText(str(value))

    return Field(field, show)


def _number(setting: Setting, changed: Callable[[object], object]) -> Field:
    low = -INT_LIMIT if setting.minimum is None else setting.minimum
    high = INT_LIMIT if setting.maximum is None else setting.maximum
    box: _Whole | _Fraction
    if setting.type is int:
        box = _Whole()
        box.setRange(int(low), int(high))
    else:
        box = _Fraction()
        box.setRange(low, high)
        box.setSingleStep(0.05)
    if setting.key in SPECIAL:
        word = SPECIAL[setting.key]
        box.setSpecialValueText(QCoreApplication.translate("Settings", word))
    box.setFixedWidth(FIELD)
    box.lineEdit().setTextMargins(6, 0, 0, 0)
    # While a number is being typed it is not yet one; it counts on Enter or when left.
    box.setKeyboardTracking(False)
    box.valueChanged.connect(changed)
    return Field(box, lambda value: _quietly(box, lambda: box.setValue(value)))  # type: ignore[arg-type]


def _quietly(widget: QWidget, act: Callable[[], object]) -> None:
    widget.blockSignals(True)
    act()
    widget.blockSignals(False)


class _Choice(QComboBox):
    """Leaves the wheel to the page, so that scrolling never changes a setting."""

    def wheelEvent(self, event: object) -> None:
        event.ignore()  # type: ignore[attr-defined]


class _Whole(QSpinBox):
    """The same for whole numbers."""

    def wheelEvent(self, event: object) -> None:
        event.ignore()  # type: ignore[attr-defined]


class _Fraction(QDoubleSpinBox):
    """The same for other numbers."""

    def wheelEvent(self, event: object) -> None:
        event.ignore()  # type: ignore[attr-defined]
