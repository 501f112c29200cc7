"""The few broadcasts that panels hear; a panel never talks to another panel."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class Bridge(QObject):
    """What changed, said once to whoever shows it.

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
