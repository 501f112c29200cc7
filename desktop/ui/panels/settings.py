"""Settings: a form built from the declarations in `workbench/settings.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.actions import QT_TRANSLATE_NOOP
from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Jobs
from desktop.ui.language import NAMES
from desktop.ui.notices import Notice, NoticeBar, error_text
from desktop.ui.theme import Theme
from desktop.ui.widgets.model_picker import ModelPicker

if TYPE_CHECKING:
    from desktop.workbench.settings import Setting
    from desktop.workbench.workbench import Workbench

COLUMN = 660
FIELD = 160
INT_LIMIT = 2**31 - 1

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (QT_TRANSLATE_NOOP("Settings", "Window"), ("theme", "language", "send_on_enter")),
    (
        QT_TRANSLATE_NOOP("Settings", "Models"),
        (
            *("default_model", "context_size", "gpu_layers", "threads", "kv_type", "flash_attention"),
            "idle_unload_minutes",
        ),
    ),
    (
        QT_TRANSLATE_NOOP("Settings", "New chats"),
        ("temperature", "top_p", "min_p", "top_k", "repeat_penalty", "max_tokens"),
    ),
)
"""Where each setting stands. What is not here is set where it is used, such as the folded sides."""

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
    "gpu_layers": QT_TRANSLATE_NOOP("Settings", "all"),
    "threads": QT_TRANSLATE_NOOP("Settings", "automatic"),
    "idle_unload_minutes": QT_TRANSLATE_NOOP("Settings", "never"),
    "max_tokens": QT_TRANSLATE_NOOP("Settings", "no limit"),
    "top_k": QT_TRANSLATE_NOOP("Settings", "off"),
    "min_p": QT_TRANSLATE_NOOP("Settings", "off"),
}
"""What the least value of a number means, where it means something of its own."""


class SettingsPanel(QWidget):
    """Every setting with its help; a change counts at once."""

    def __init__(
        self,
        workbench: Workbench,
        jobs: Jobs,
        bridge: Bridge,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        from desktop.workbench.settings import BY_KEY

        self._workbench, self._jobs, self._bridge, self._theme = workbench, jobs, bridge, theme
        self._show: dict[str, Callable[[object], None]] = {}
        self._notice = NoticeBar(theme)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(24, 20, 24, 24)
        column.setSpacing(12)
        title = QLabel(QCoreApplication.translate("Settings", "Settings"))
        title.setProperty("role", "title")
        column.addWidget(title)
        column.addWidget(self._notice)
        for name, keys in GROUPS:
            column.addSpacing(8)
            head = QLabel(QCoreApplication.translate("Settings", name).upper())
            head.setProperty("role", "section")
            column.addWidget(head)
            column.addWidget(self._card([BY_KEY[key] for key in keys]))
        column.addStretch(1)
        page.setMaximumWidth(COLUMN + 48)
        self._scroll(page)
        bridge.settings_changed.connect(self._changed)

    def action_handlers(self) -> Mapping[str, Callable[[], object]]:
        """This panel has no actions of its own."""
        return {}

    def focus(self) -> None:
        """Put the keyboard on the first setting."""
        first = self.findChild(QComboBox)
        if first is not None:
            first.setFocus(Qt.FocusReason.OtherFocusReason)

    # ------------------------------------------------------------ building

    def _scroll(self, page: QWidget) -> None:
        holder = QWidget()
        centred = QHBoxLayout(holder)
        centred.setContentsMargins(0, 0, 0, 0)
        centred.addStretch(1)
        centred.addWidget(page, 1000)
        centred.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(holder)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)

    def _card(self, settings: list[Setting]) -> QFrame:
        card = QFrame()
        card.setProperty("role", "card")
        rows = QVBoxLayout(card)
        rows.setContentsMargins(16, 4, 16, 4)
        rows.setSpacing(0)
        for place, setting in enumerate(settings):
            if place:
                line = QFrame()
                line.setProperty("role", "line")
                rows.addWidget(line)
            rows.addLayout(self._row(setting))
        return card

    def _row(self, setting: Setting) -> QHBoxLayout:
        label = QLabel(QCoreApplication.translate("Settings", setting.label))
        text = QLabel(QCoreApplication.translate("Settings", setting.help))
        text.setProperty("role", "fact")
        text.setWordWrap(True)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(label)
        words.addWidget(text)
        field = self._field(setting)
        field.setAccessibleName(label.text())
        field.setAccessibleDescription(text.text())
        label.setBuddy(field)
        row = QHBoxLayout()
        row.setContentsMargins(0, 10, 0, 10)
        row.setSpacing(16)
        row.addLayout(words, 1)
        row.addWidget(field, 0, Qt.AlignmentFlag.AlignVCenter)
        return row

    def _field(self, setting: Setting) -> QWidget:
        if setting.key == "default_model":
            return self._model_field(setting)
        if setting.type is bool:
            return self._check_field(setting)
        if setting.choices:
            return self._choice_field(setting)
        return self._number_field(setting)

    def _model_field(self, setting: Setting) -> QWidget:
        picker = ModelPicker(self._workbench, self._jobs, self._bridge, self._theme)
        picker.chosen.connect(lambda key: self._set(setting.key, key))
        self._show[setting.key] = lambda value: picker.set_model(str(value))
        picker.set_model(str(self._workbench.settings.get(setting.key)))
        return picker

    def _check_field(self, setting: Setting) -> QWidget:
        box = QCheckBox()
        box.setProperty("role", "bare")  # its words stand elsewhere
        box.setChecked(bool(self._workbench.settings.get(setting.key)))
        box.toggled.connect(lambda on: self._set(setting.key, on))
        self._show[setting.key] = lambda value: box.setChecked(bool(value))
        return box

    def _choice_field(self, setting: Setting) -> QWidget:
        box = _Choice()
        for choice in setting.choices:
            word = CHOICES.get(str(choice), str(choice))
            box.addItem(QCoreApplication.translate("Settings", word), choice)
        box.setFixedWidth(FIELD)
        self._show[setting.key] = lambda value: box.setCurrentIndex(box.findData(value))
        self._show[setting.key](self._workbench.settings.get(setting.key))
        box.activated.connect(lambda row: self._set(setting.key, box.itemData(row)))
        return box

    def _number_field(self, setting: Setting) -> QWidget:
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

        def show(value: object) -> None:
            box.blockSignals(True)
            box.setValue(value)  # type: ignore[arg-type]  # of the setting's type
            box.blockSignals(False)

        self._show[setting.key] = show
        show(self._workbench.settings.get(setting.key))
        box.valueChanged.connect(lambda value: self._set(setting.key, value))
        return box

    # ------------------------------------------------------------ changing

    def _set(self, key: str, value: object) -> None:
        self._notice.dismiss()
        self._jobs.run(
            lambda: self._workbench.settings.set(key, value), None, lambda error: self._refused(key, error)
        )

    def _refused(self, key: str, error: Exception) -> None:
        self._notice.show_error(*error_text(error))
        self._changed(key)

    def _changed(self, key: str) -> None:
        if key in self._show:
            self._show[key](self._workbench.settings.get(key))
        if key == "language":
            words = QCoreApplication.translate(
                "Settings", "The language changes when Rolltop is started again."
            )
            self._notice.show_notice(Notice(words, kind="info"))


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
