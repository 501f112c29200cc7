"""The few broadcasts that panels hear; a panel never talks to another panel."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal

from desktop.ui.notices import error_notice


class Bridge(QObject):
    """What changed, said once to whoever shows it. Emit on the GUI thread only.

    Signals:
        conversations_changed: one was added, removed, renamed or moved in the list.
        conversation_changed: its messages, settings or branch changed; carries its id.
        engines_changed: an engine was loaded, unloaded or died.
        models_changed: the library may have other models now, or other facts about them.
        connected: a network connection was made.
        settings_changed: a setting has a new value; carries its key.
        notice: a `notices.Notice` for the window to show.
    """

    conversations_changed = Signal()
    conversation_changed = Signal(str)
    engines_changed = Signal()
    models_changed = Signal()
    connected = Signal()
    settings_changed = Signal(str)
    notice = Signal(object)

    _setting = Signal(str)
    _connection = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._setting.connect(self._tell_setting, Qt.ConnectionType.QueuedConnection)
        self._connection.connect(self._tell_connected, Qt.ConnectionType.QueuedConnection)

    def notice_error(self, error: Exception) -> None:
        """Have the window tell an error."""
        self.notice.emit(error_notice(error))

    def connection_was_made(self) -> None:
        """For `Network.on_connect`: from any thread, heard as `connected` on the GUI thread."""
        self._connection.emit()

    def setting_was_set(self, key: str) -> None:
        """For `Settings.on_change`: from any thread, heard as `settings_changed` on the GUI thread."""
        self._setting.emit(key)

    def _tell_setting(self, key: str) -> None:
        self.settings_changed.emit(key)

    def _tell_connected(self) -> None:
        self.connected.emit()
