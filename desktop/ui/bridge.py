"""The few broadcasts that panels hear; a panel never talks to another panel."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal


class Bridge(QObject):
    """What changed, said once to whoever shows it. Emit on the GUI thread only.

    Signals:
        conversations_changed: one was added, removed, renamed or moved in the list.
        conversation_changed: its messages, settings or branch changed; carries its id.
        engines_changed: an engine was loaded, unloaded or died.
        settings_changed: a setting has a new value; carries its key.
        notice: a `notices.Notice` for the window to show.
    """

    conversations_changed = Signal()
    conversation_changed = Signal(str)
    engines_changed = Signal()
    settings_changed = Signal(str)
    notice = Signal(object)

    _setting = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._setting.connect(self._tell_setting, Qt.ConnectionType.QueuedConnection)

    def setting_was_set(self, key: str) -> None:
        """For `Settings.on_change`: from any thread, heard as `settings_changed` on the GUI thread."""
        self._setting.emit(key)

    def _tell_setting(self, key: str) -> None:
        self.settings_changed.emit(key)
