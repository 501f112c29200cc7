"""The window: it frames the panels and owns no feature.

What it asks of a panel is `Panel`; what a panel wants in the status bar it emits.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QByteArray, QCoreApplication, QPoint, QSize, Qt, QTimer, Signal, SignalInstance
from PySide6.QtGui import QCloseEvent, QKeySequence, QPaintEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QMessageBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.actions import Actions
from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Jobs
from desktop.ui.notices import Notice, NoticeBar, error_notice
from desktop.ui.theme import Theme
from desktop.ui.widgets.palette import CommandPalette, Entry
from desktop.ui.widgets.rail import Rail
from desktop.ui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from desktop.workbench.chat import ContextUse
    from desktop.workbench.store import ConversationRow
    from desktop.workbench.workbench import Workbench
    from models.library import Model

GEOMETRY = "window.geometry"
MEMORY_MS = 2000
PALETTE_CONVERSATIONS = 300


class Panel(Protocol):
    """What a panel gives to the window; everything is optional but `action_handlers`.

    Signals of a panel that are connected where they exist:
        action_enabled(str id, bool): an action makes sense or not just now.
        model_state(str name, str state, float fraction): state is "none", "loading", "ready" or
            "dead", see `StatusBar.set_model`.
        device_changed(str): where the model runs, "" for nowhere.
        context_changed(object): a `ContextUse`, or None when nothing is known.
        speed_changed(float): tokens per second; 0 hides it.

    Methods called where they exist:
        about_to_close(): the window closes; keep drafts.
        restart_model(): the user pressed Restart in the status bar.
        open_conversation(str id), choose_model(str key): chosen in the command palette.
        window_painted(): the window is there; slow things such as loading a model may begin.
        focus(): the panel was shown; put the keyboard where work goes on.
    """

    def action_handlers(self) -> Mapping[str, Callable[[], object]]:
        """What the window's actions do in this panel, by their ids in `actions.ACTIONS`."""


class Window(QMainWindow):
    """Rail, panels, status bar, menus; remembers its geometry.

    Signals:
        painted: it was painted for the first time; slow things may begin.
    """

    painted = Signal()

    def __init__(self, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme) -> None:
        super().__init__()
        self._workbench, self._jobs, self._bridge, self._theme = workbench, jobs, bridge, theme
        self._painted = False
        self.setWindowTitle("Rolltop")
        self.setMinimumSize(880, 560)
        self.actions_ = Actions(theme, self)
        self.rail = Rail(theme)
        self.notices = NoticeBar(theme)
        self.status = StatusBar(theme)
        self.stack = QStackedWidget()
        self.palette_ = CommandPalette(theme, self)
        self.panels: dict[str, QWidget] = {}
        self._later: dict[str, Callable[[], QWidget]] = {}
        self._lay_out()
        self._bind()
        self._memory = QTimer(self)
        self._memory.setInterval(MEMORY_MS)
        self._memory.timeout.connect(self._measure_memory)
        bridge.notice.connect(self.show_notice)
        bridge.settings_changed.connect(self._setting_changed)
        jobs.unhandled.connect(self.show_error)
        self._restore_geometry()

    # ------------------------------------------------------------ panels

    def add_panel(
        self, id: str, word: str, icon: str, make: Callable[[], QWidget], *, bottom: bool = False
    ) -> None:
        """Give a panel a place in the rail; it is made when it is shown for the first time."""
        action = self.actions_[f"panel_{id}"]
        self._later[id] = make
        self.rail.add_panel(id, word, icon, action, bottom=bottom)
        self.actions_.bind({f"panel_{id}": lambda: self.show_panel(id)})
        self.rail.move_last(self._menu_button)

    def show_panel(self, id: str) -> None:
        """Show a panel and give it the actions."""
        if id in self._later:
            panel = self._later.pop(id)()
            self.panels[id] = panel
            self.stack.addWidget(panel)
            self._connect_panel(id, panel)
        panel = self.panels[id]
        self.stack.setCurrentWidget(panel)
        self.rail.set_current(id)
        self._ask(panel, "focus")

    # ------------------------------------------------------------ messages

    def show_notice(self, notice: Notice) -> None:
        """Show a notice in the bar above the panel."""
        self.notices.show_notice(notice)

    def show_error(self, error: Exception) -> None:
        """Show an error in the bar above the panel."""
        self.notices.show_notice(error_notice(error))

    # ------------------------------------------------------------ Qt

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._memory.start()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self._tell_painted)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close without a question: panels keep their drafts, the geometry is remembered."""
        self._memory.stop()
        for panel in self.panels.values():
            self._ask(panel, "about_to_close")
        geometry = b64encode(self.saveGeometry().data()).decode("ascii")
        if not self._workbench.store.read_only:
            self._workbench.store.set_setting(GEOMETRY, geometry)
        super().closeEvent(event)

    def _tell_painted(self) -> None:
        self.painted.emit()
        for panel in self.panels.values():
            self._ask(panel, "window_painted")

    # ------------------------------------------------------------ building

    def _lay_out(self) -> None:
        centre = QWidget()
        work = QVBoxLayout()
        work.setContentsMargins(0, 0, 0, 0)
        work.setSpacing(0)
        self.notices.setContentsMargins(12, 8, 12, 4)
        work.addWidget(self.notices)
        work.addWidget(self.stack, 1)
        upper = QHBoxLayout()
        upper.setSpacing(0)
        upper.addWidget(self.rail)
        upper.addLayout(work, 1)
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(upper, 1)
        column.addWidget(self.status)
        self.setCentralWidget(centre)

    def _bind(self) -> None:
        self._menu = QMenu(self)
        for menu in self.actions_.menus(self):
            self._menu.addMenu(menu)
        word = QCoreApplication.translate("Window", "Menu")
        self._menu_button = self.rail.add_command(word, "menu", self.actions_["menu"])
        self.actions_.bind(
            {
                "menu": self.open_menu,
                "palette": self.open_palette,
                "show_list": lambda: self._toggle("show_list"),
                "show_inspector": lambda: self._toggle("show_inspector"),
                "about": self.show_about,
                "quit": self.close,
                "theme_system": lambda: self._set("theme", "system"),
                "theme_light": lambda: self._set("theme", "light"),
                "theme_dark": lambda: self._set("theme", "dark"),
            }
        )
        for key in ("theme", "show_list", "show_inspector"):
            self._setting_changed(key)
        self.status.shield_clicked.connect(lambda: self.notices.show_info(self.status.shield_text))
        self.status.model_clicked.connect(lambda: self.actions_.run("choose_model"))
        self.status.restart_requested.connect(self._restart)

    def _connect_panel(self, id: str, panel: QWidget) -> None:
        handlers: Mapping[str, Callable[[], object]] = getattr(panel, "action_handlers", dict)()
        self.actions_.bind({name: self._in_panel(id, act) for name, act in handlers.items()})
        for name, slot in {
            "action_enabled": self.actions_.set_enabled,
            "model_state": self.status.set_model,
            "device_changed": self.status.set_device,
            "context_changed": self._show_context,
            "speed_changed": self.status.set_speed,
        }.items():
            signal = getattr(panel, name, None)
            if isinstance(signal, SignalInstance):
                signal.connect(slot)

    def _in_panel(self, id: str, act: Callable[[], object]) -> Callable[[], object]:
        """The panel's action, from wherever it is called: the panel is shown first."""

        def show_and_act() -> None:
            if self.stack.currentWidget() is not self.panels[id]:
                self.show_panel(id)
            act()

        return show_and_act

    @staticmethod
    def _ask(panel: QWidget, method: str, *args: object) -> bool:
        """Call a method that a panel need not have."""
        found = getattr(panel, method, None)
        if callable(found):
            found(*args)
        return callable(found)

    def _ask_any(self, method: str, *args: object) -> None:
        """Ask the shown panel first, then the others: the first that knows how does it."""
        shown = self.stack.currentWidget()
        for id, panel in sorted(self.panels.items(), key=lambda item: item[1] is not shown):
            if hasattr(panel, method):
                self.show_panel(id)
                self._ask(panel, method, *args)
                return

    # ------------------------------------------------------------ status bar

    def _show_context(self, use: ContextUse | None) -> None:
        if use is None:
            self.status.set_context(None, 0)
        else:
            self.status.set_context(use.total, use.context_size, exact=use.exact)

    def _measure_memory(self) -> None:
        self._jobs.run(self._memory_use, lambda found: self.status.set_memory(*found), lambda _: None)

    def _memory_use(self) -> tuple[int, int]:
        import psutil

        engines = sum(loaded.memory_bytes for loaded in self._workbench.engines.loaded())
        return psutil.Process().memory_info().rss + engines, psutil.virtual_memory().total

    def _restart(self) -> None:
        self._ask_any("restart_model")

    # ------------------------------------------------------------ settings

    def _set(self, key: str, value: object) -> None:
        # Writing waits for the disk; whoever shows the setting hears of it over the bridge.
        self._jobs.run(lambda: self._workbench.settings.set(key, value))

    def _toggle(self, key: str) -> None:
        self._set(key, self.actions_[key].isChecked())

    def _setting_changed(self, key: str) -> None:
        value = self._workbench.settings.get(key) if key in ("theme", "show_list", "show_inspector") else None
        if key == "theme":
            self._theme.set_scheme(value)  # type: ignore[arg-type]  # one of the setting's choices
            self.actions_[f"theme_{value}"].setChecked(True)
        elif value is not None:
            self.actions_[key].setChecked(bool(value))

    def _restore_geometry(self) -> None:
        kept = self._workbench.store.get_setting(GEOMETRY, "")
        try:
            geometry = b64decode(str(kept), validate=True)
        except ValueError:
            geometry = b""
        if not (geometry and self.restoreGeometry(QByteArray(geometry))):
            room = self.screen().availableGeometry().size()
            self.resize(QSize(1366, 768).boundedTo(room))

    # ------------------------------------------------------------ menu, palette, about

    def open_menu(self) -> None:
        """Open the menu at the rail's button."""
        self._menu.popup(
            self._menu_button.mapToGlobal(
                QPoint(
                    self._menu_button.width() + 4,
                    -self._menu.sizeHint().height() + self._menu_button.height(),
                )
            )
        )

    def open_palette(self) -> None:
        """Open the command palette; conversations and models follow as they are read."""
        keys = QKeySequence.SequenceFormat.NativeText
        self.palette_.open(
            [
                Entry(
                    action.text(),
                    action.shortcut().toString(keys),
                    self.actions_.rows[action.objectName()].icon or "command",
                    action.trigger,
                )
                for action in self.actions_.enabled()
                if action.objectName() != "palette"
            ]
        )
        store, library = self._workbench.store, self._workbench.library
        self._jobs.run(lambda: store.conversations(limit=PALETTE_CONVERSATIONS), self._add_conversations)
        self._jobs.run(library.scan, self._add_models)

    def _add_conversations(self, rows: list[ConversationRow]) -> None:
        kind = QCoreApplication.translate("Window", "conversation")
        untitled = QCoreApplication.translate("Window", "New chat")
        self.palette_.add(
            [
                Entry(
                    row.title or untitled,
                    kind,
                    "chat",
                    lambda id=row.id: self._ask_any("open_conversation", id),
                )
                for row in rows
            ]
        )

    def _add_models(self, models: list[Model]) -> None:
        kind = QCoreApplication.translate("Window", "model")
        self.palette_.add(
            [
                Entry(
                    f"{model.name} {model.quantization}",
                    kind,
                    "box",
                    lambda id=model.id: self._ask_any("choose_model", id),
                )
                for model in models
            ]
        )

    def show_about(self) -> None:
        """Say what this is, its version and where its data is."""
        text = QCoreApplication.translate(
            "Window",
            "Rolltop {version}\n\nPrivate work with local language models.\n"
            "Apache License 2.0.\n\nYour data: {folder}",
        )
        box = QMessageBox(self)
        box.setWindowTitle(QCoreApplication.translate("Window", "About Rolltop"))
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(text.format(version=app_version(), folder=self._workbench.data_dir))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()


def app_version() -> str:
    """The version of the installed distribution."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("rolltop")
    except PackageNotFoundError:
        return "0"
