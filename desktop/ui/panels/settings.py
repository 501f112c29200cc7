"""Settings: a form built from the declarations in `workbench/settings.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.actions import QT_TRANSLATE_NOOP
from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Jobs
from desktop.ui.notices import Notice, NoticeBar, error_text
from desktop.ui.theme import Theme
from desktop.ui.widgets.model_picker import ModelPicker
from desktop.ui.widgets.setting_fields import setting_field
from desktop.ui.widgets.token_field import TokenField

if TYPE_CHECKING:
    from desktop.workbench.settings import Setting
    from desktop.workbench.workbench import Workbench

COLUMN = 660

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (QT_TRANSLATE_NOOP("Settings", "Window"), ("theme", "language", "send_on_enter")),
    (
        QT_TRANSLATE_NOOP("Settings", "Models"),
        (
            *("default_model", "context_size", "gpu_layers", "threads", "kv_type", "flash_attention"),
            "idle_unload_minutes",
            "other_apps",
        ),
    ),
    (
        QT_TRANSLATE_NOOP("Settings", "Network"),
        ("offline", "hub_endpoint", "proxy", "parallel_downloads"),
    ),
    (
        QT_TRANSLATE_NOOP("Settings", "New chats"),
        ("temperature", "top_p", "min_p", "top_k", "repeat_penalty", "max_tokens"),
    ),
)
"""Where each setting stands. What is not here is set where it is used, such as the folded sides."""


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
            card = self._card([BY_KEY[key] for key in keys])
            if "hub_endpoint" in keys:
                self._add_token(card)
            column.addWidget(card)
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

    def _add_token(self, card: QFrame) -> None:
        """The token is no setting: it lies in the system's safe, not in the store."""
        field = TokenField(self._workbench.token, self._jobs)
        field.failed.connect(lambda error: self._notice.show_error(*error_text(error)))
        field.kept.connect(self._token_kept)
        words = QCoreApplication.translate("Settings", "Access token")
        help = QCoreApplication.translate(
            "Settings",
            "For models whose makers ask for an agreement. It is kept in the system's own safe, and sent to "
            "the hub alone.",
        )
        line = QFrame()
        line.setProperty("role", "line")
        layout = card.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.addWidget(line)
        layout.addLayout(self._labelled(words, help, field))

    def _token_kept(self, safe: bool) -> None:
        if safe:
            self._notice.dismiss()
            return
        words = QCoreApplication.translate(
            "Settings", "This computer has no safe for passwords: the token is kept until Rolltop is closed."
        )
        self._notice.show_notice(Notice(words, kind="info"))

    def _row(self, setting: Setting) -> QHBoxLayout:
        return self._labelled(
            QCoreApplication.translate("Settings", setting.label),
            QCoreApplication.translate("Settings", setting.help),
            self._field(setting),
        )

    def _labelled(self, name: str, help: str, field: QWidget) -> QHBoxLayout:
        label, text = QLabel(name), QLabel(help)
        text.setProperty("role", "fact")
        text.setWordWrap(True)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(label)
        words.addWidget(text)
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
        value = self._workbench.settings.get(setting.key)
        field = setting_field(setting, value, lambda new: self._set(setting.key, new))
        self._show[setting.key] = field.show
        return field.widget

    def _model_field(self, setting: Setting) -> QWidget:
        picker = ModelPicker(self._workbench, self._jobs, self._bridge, self._theme)
        picker.chosen.connect(lambda key: self._set(setting.key, key))
        self._show[setting.key] = lambda value: picker.set_model(str(value))
        picker.set_model(str(self._workbench.settings.get(setting.key)))
        return picker

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
