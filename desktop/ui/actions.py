"""Every action of the window as a row of data; menus, shortcuts and the palette are built from the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QObject
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from desktop.ui.theme import Theme

Handler = Callable[[], object]


def QT_TRANSLATE_NOOP(context: str, text: str) -> str:
    """Marks a literal for lupdate, which knows this name; Qt's own is typed as returning object."""
    return text


@dataclass(frozen=True)
class ActionRow:
    """One action.

    Attributes:
        id: a stable word; handlers are given by it.
        text: what it does, English, translated with context "Actions".
        shortcut: portable key sequence; the composer's own keys are not here.
        icon: a name from resources/icons, or "".
        group: the menu it stands in, one of `GROUPS`.
        choice: actions of the same non-empty choice are checkable and exclude each other;
            a choice of its own id makes a plain toggle.
        section: True starts a new section of its menu.
        method: the panel's method that does it; "" for what the window does itself.
    """

    id: str
    text: str
    shortcut: str
    icon: str = ""
    group: str = "chat"
    choice: str = ""
    section: bool = False
    method: str = ""


GROUPS: tuple[tuple[str, str], ...] = (
    ("chat", QT_TRANSLATE_NOOP("Actions", "Chat")),
    ("message", QT_TRANSLATE_NOOP("Actions", "Message")),
    ("text", QT_TRANSLATE_NOOP("Actions", "Text")),
    ("view", QT_TRANSLATE_NOOP("Actions", "View")),
    ("app", QT_TRANSLATE_NOOP("Actions", "Rolltop")),
)

ACTIONS: tuple[ActionRow, ...] = (
    ActionRow("new_chat", QT_TRANSLATE_NOOP("Actions", "New chat"), "Ctrl+N", "plus", method="new_chat"),
    ActionRow(
        "search",
        QT_TRANSLATE_NOOP("Actions", "Search conversations"),
        "Ctrl+F",
        "search",
        method="focus_search",
    ),
    ActionRow(
        "previous_conversation",
        QT_TRANSLATE_NOOP("Actions", "Previous in the list"),
        "Ctrl+PgUp",
        "chevron-up",
        section=True,
        method="show_previous",
    ),
    ActionRow(
        "next_conversation",
        QT_TRANSLATE_NOOP("Actions", "Next in the list"),
        "Ctrl+PgDown",
        "chevron-down",
        method="show_next",
    ),
    ActionRow(
        "rename_conversation",
        QT_TRANSLATE_NOOP("Actions", "Rename conversation"),
        "F2",
        "edit",
        method="rename_conversation",
    ),
    ActionRow(
        "delete_conversation",
        QT_TRANSLATE_NOOP("Actions", "Delete what is shown"),
        "Ctrl+Shift+D",
        "trash",
        section=True,
        method="delete_shown",
    ),
    ActionRow(
        "undo_delete", QT_TRANSLATE_NOOP("Actions", "Undo delete"), "Ctrl+Z", "undo", method="undo_delete"
    ),
    ActionRow(
        "choose_model",
        QT_TRANSLATE_NOOP("Actions", "Choose model"),
        "Ctrl+M",
        "box",
        section=True,
        method="choose_model",
    ),
    ActionRow(
        "focus_composer",
        QT_TRANSLATE_NOOP("Actions", "Write a message"),
        "Ctrl+L",
        "edit",
        "message",
        method="focus_composer",
    ),
    ActionRow(
        "stop", QT_TRANSLATE_NOOP("Actions", "Stop the answer"), "Esc", "stop", "message", method="stop"
    ),
    ActionRow(
        "regenerate",
        QT_TRANSLATE_NOOP("Actions", "Regenerate the answer"),
        "Ctrl+R",
        "regenerate",
        "message",
        section=True,
        method="regenerate_last",
    ),
    ActionRow(
        "continue",
        QT_TRANSLATE_NOOP("Actions", "Continue the answer"),
        "Ctrl+Shift+R",
        "continue",
        "message",
        method="continue_last",
    ),
    ActionRow(
        "copy_answer",
        QT_TRANSLATE_NOOP("Actions", "Copy the last answer"),
        "Ctrl+Shift+C",
        "copy",
        "message",
        method="copy_last_answer",
    ),
    ActionRow(
        "edit_last",
        QT_TRANSLATE_NOOP("Actions", "Edit my last message"),
        "Ctrl+Up",
        "edit",
        "message",
        method="edit_last",
    ),
    ActionRow(
        "previous_branch",
        QT_TRANSLATE_NOOP("Actions", "Previous version"),
        "Alt+Left",
        "chevron-left",
        "message",
        section=True,
        method="previous_branch",
    ),
    ActionRow(
        "next_branch",
        QT_TRANSLATE_NOOP("Actions", "Next version"),
        "Alt+Right",
        "chevron-right",
        "message",
        method="next_branch",
    ),
    ActionRow(
        "new_run", QT_TRANSLATE_NOOP("Actions", "New text"), "Ctrl+Shift+N", "plus", "text", method="new_run"
    ),
    ActionRow(
        "open_files",
        QT_TRANSLATE_NOOP("Actions", "Open documents"),
        "Ctrl+O",
        "folder",
        "text",
        method="open_files",
    ),
    ActionRow(
        "summarize_conversation",
        QT_TRANSLATE_NOOP("Actions", "Summarize this conversation"),
        "Ctrl+Shift+S",
        "summarize",
        "text",
        section=True,
    ),
    ActionRow(
        "rewrite_conversation",
        QT_TRANSLATE_NOOP("Actions", "Rewrite this conversation"),
        "Ctrl+Shift+W",
        "rewrite",
        "text",
    ),
    ActionRow("palette", QT_TRANSLATE_NOOP("Actions", "Command palette"), "Ctrl+K", "command", "view"),
    ActionRow(
        "show_list",
        QT_TRANSLATE_NOOP("Actions", "Conversation list"),
        "Ctrl+B",
        "panel-left",
        "view",
        "show_list",
        section=True,
        method="toggle_list",
    ),
    ActionRow(
        "show_inspector",
        QT_TRANSLATE_NOOP("Actions", "Inspector"),
        "Ctrl+I",
        "panel-right",
        "view",
        "show_inspector",
        method="toggle_inspector",
    ),
    ActionRow("panel_chat", QT_TRANSLATE_NOOP("Actions", "Chat"), "Ctrl+1", "chat", "view", section=True),
    ActionRow("panel_summarize", QT_TRANSLATE_NOOP("Actions", "Summarize"), "Ctrl+2", "summarize", "view"),
    ActionRow("panel_rewrite", QT_TRANSLATE_NOOP("Actions", "Rewrite"), "Ctrl+3", "rewrite", "view"),
    ActionRow("panel_models", QT_TRANSLATE_NOOP("Actions", "Models"), "Ctrl+9", "box", "view"),
    ActionRow("panel_settings", QT_TRANSLATE_NOOP("Actions", "Settings"), "Ctrl+,", "settings", "view"),
    ActionRow(
        "theme_system",
        QT_TRANSLATE_NOOP("Actions", "Theme of the system"),
        "Ctrl+Alt+1",
        "",
        "view",
        "theme",
        section=True,
    ),
    ActionRow(
        "theme_light", QT_TRANSLATE_NOOP("Actions", "Light theme"), "Ctrl+Alt+2", "sun", "view", "theme"
    ),
    ActionRow(
        "theme_dark", QT_TRANSLATE_NOOP("Actions", "Dark theme"), "Ctrl+Alt+3", "moon", "view", "theme"
    ),
    ActionRow(
        "find_models",
        QT_TRANSLATE_NOOP("Actions", "Find models"),
        "Ctrl+Shift+M",
        "download",
        "app",
        method="find_models",
    ),
    ActionRow(
        "import_model",
        QT_TRANSLATE_NOOP("Actions", "Import GGUF files"),
        "Ctrl+Shift+O",
        "folder",
        "app",
        method="import_model",
    ),
    ActionRow("menu", QT_TRANSLATE_NOOP("Actions", "Menu"), "F10", "menu", "app"),
    ActionRow("about", QT_TRANSLATE_NOOP("Actions", "About Rolltop"), "F1", "info", "app", section=True),
    ActionRow("quit", QT_TRANSLATE_NOOP("Actions", "Quit"), "Ctrl+Q", "power", "app", section=True),
)


class Actions(QObject):
    """The rows as QActions of one window; an action without a handler is off.

    `bind` gives handlers by id and may be called again, for another panel: the last one counts.
    """

    def __init__(self, theme: Theme, window: QWidget) -> None:
        super().__init__(window)
        self.rows = {row.id: row for row in ACTIONS}
        self._handlers: dict[str, Handler] = {}
        self._actions: dict[str, QAction] = {}
        choices: dict[str, QActionGroup] = {}
        for row in ACTIONS:
            action = self._make(row, theme)
            self._actions[row.id] = action
            window.addAction(action)
            if row.choice and row.choice != row.id:
                choices.setdefault(row.choice, QActionGroup(self)).addAction(action)

    def __getitem__(self, id: str) -> QAction:
        return self._actions[id]

    def bind(self, handlers: Mapping[str, Handler]) -> None:
        """Say what these actions do; unknown ids are a mistake."""
        for id, handler in handlers.items():
            self._handlers[id] = handler
            self._actions[id].setEnabled(True)

    def unbind(self, ids: Iterable[str]) -> None:
        """Switch these actions off."""
        for id in ids:
            self._handlers.pop(id, None)
            self._actions[id].setEnabled(False)

    def set_enabled(self, id: str, enabled: bool) -> None:
        """Whether an action makes sense just now; one without a handler stays off."""
        self._actions[id].setEnabled(enabled and id in self._handlers)

    def run(self, id: str) -> None:
        """Do what the action does."""
        self._actions[id].trigger()

    def enabled(self) -> list[QAction]:
        """The actions that can be done now, in the order of the rows."""
        return [action for action in self._actions.values() if action.isEnabled()]

    def menus(self, parent: QWidget) -> list[QMenu]:
        """One menu a group, built from the rows."""
        menus = []
        for group, title in GROUPS:
            menu = QMenu(QCoreApplication.translate("Actions", title), parent)
            for row in ACTIONS:
                if row.group == group and row.id != "menu":
                    if row.section and menu.actions():
                        menu.addSeparator()
                    menu.addAction(self._actions[row.id])
            menus.append(menu)
        return menus

    def _make(self, row: ActionRow, theme: Theme) -> QAction:
        action = QAction(QCoreApplication.translate("Actions", row.text), self)
        action.setObjectName(row.id)
        action.setShortcut(QKeySequence(row.shortcut, QKeySequence.SequenceFormat.PortableText))
        action.setCheckable(bool(row.choice))
        if row.icon and not row.choice:
            action.setIcon(theme.icon(row.icon, "muted"))
        action.setMenuRole(
            {"quit": QAction.MenuRole.QuitRole, "about": QAction.MenuRole.AboutRole}.get(
                row.id, QAction.MenuRole.NoRole
            )
        )
        action.setEnabled(False)
        action.triggered.connect(lambda: self._handlers[row.id]())
        return action


def tooltip(action: QAction) -> str:
    """The action's text with its keys, for the tooltip of a button that does the same."""
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    return f"{action.text()} ({keys})" if keys else action.text()
