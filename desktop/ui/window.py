"""The window: it frames the panels and owns no feature.

What it asks of a panel is `Panel`; what a panel wants in the status bar it emits.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
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
from desktop.ui.widgets.rail import Rail
from desktop.ui.widgets.status_bar import State, StatusBar

if TYPE_CHECKING:
    from desktop.ui.widgets.model_picker import ModelPicker
    from desktop.ui.widgets.palette import CommandPalette
    from desktop.workbench.chat import ContextUse
    from desktop.workbench.store import ConversationRow
    from desktop.workbench.workbench import Workbench
    from models.engine.pool import LoadedModel
    from models.engine.protocol import ModelInfo
    from models.library import Model

GEOMETRY = "window.geometry"
MEMORY_MS = 2000
PALETTE_CONVERSATIONS = 300
MADE_FOR = QSize(1366, 768)


class Panel(Protocol):
    """What the window looks for in a panel, a QWidget; everything is optional.

    Methods named in `actions.ACTIONS` are what those actions do: in the shown panel, else in the first
    that has the method. Connected or called as well:

    Signals:
        engine_state(str state, str model, float fraction): see `StatusBar.set_model`.
        context_use(object): a `ContextUse`, or None when nothing is known.
        speed(float): tokens per second; 0 hides it.
        busy_changed(bool): something is running that "stop" can stop.
        summarize_requested(str text, str name), rewrite_requested(str text, str name): send a text on.
        conversation_requested(str id): show a conversation.
    """

    def take_text(self, text: str, name: str) -> None:
        """A text was sent here from another panel."""

    def take_conversation(self, id: str) -> None:
        """A conversation was sent here to be worked on."""

    def about_to_close(self) -> None:
        """The window closes: keep drafts."""

    def open_conversation(self, id: str) -> None:
        """A conversation was chosen in the command palette."""


@dataclass
class Wanted:
    """What a panel wants in the status bar."""

    state: tuple[State, str, float] | None = None
    use: ContextUse | None = None
    speed: float = 0.0
    busy: bool = False


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
        self._measuring = False
        self._loading = False
        self._model_name = ""
        self._wanted: dict[str, Wanted] = {}
        self._speaking = ""  # the panel whose model and context the status bar shows
        self._dead: set[str] = set()
        self.setWindowTitle("Rolltop")
        self.setMinimumSize(880, 560)
        self.actions_ = Actions(theme, self)
        self.rail = Rail(theme)
        self.notices = NoticeBar(theme)
        self.status = StatusBar(theme)
        self.stack = QStackedWidget()
        self.palette_: CommandPalette | None = None
        self.panels: dict[str, QWidget] = {}
        self._later: dict[str, Callable[[], QWidget]] = {}
        self._lay_out()
        self._bind()
        self._memory = QTimer(self)
        self._memory.setInterval(MEMORY_MS)
        self._memory.timeout.connect(self._measure)
        self.rail.chosen.connect(self.show_panel)
        bridge.notice.connect(self.show_notice)
        bridge.connected.connect(self._show_connections)
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
        if hasattr(panel, "engine_state"):
            self._speaking = id
            self._show_wanted()
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
        wanted = self._wanted[id] = Wanted()
        methods = {name: row.method for name, row in self.actions_.rows.items() if row.method}
        self.actions_.bind(
            {name: partial(self._act, method) for name, method in methods.items() if hasattr(panel, method)}
        )
        self._show_stop()

        def keep(name: str) -> Callable[..., None]:
            def told(*values: object) -> None:
                setattr(wanted, name, values if len(values) > 1 else values[0])
                self._show_stop()
                if id == self._speaking:
                    self._show_wanted()

            return told

        for name, slot in {
            "engine_state": keep("state"),
            "context_use": keep("use"),
            "speed": keep("speed"),
            "busy_changed": keep("busy"),
            "action_requested": self.actions_.run,
            "chat_requested": self.chat_with,
            "summarize_requested": partial(self._send_on, "summarize"),
            "rewrite_requested": partial(self._send_on, "rewrite"),
            "conversation_requested": partial(self._ask_in, "chat", "open_conversation"),
        }.items():
            signal = getattr(panel, name, None)
            if isinstance(signal, SignalInstance):
                signal.connect(slot)

    def _act(self, method: str) -> None:
        """Do an action in the shown panel, else in the first that can; what runs is what is stopped."""
        shown = self.stack.currentWidget()
        able = [id for id, panel in self.panels.items() if hasattr(panel, method)]
        able.sort(key=lambda id: self.panels[id] is not shown)
        if method == "stop":
            able.sort(key=lambda id: not self._wanted[id].busy)
        if able:
            self._ask_in(able[0], method)

    def _ask_in(self, id: str, method: str, *args: object) -> None:
        """Show a panel and call a method of it."""
        if id in self._later or self.stack.currentWidget() is not self.panels[id]:
            self.show_panel(id)
        self._ask(self.panels[id], method, *args)

    def _send_on(self, id: str, text: str, name: str) -> None:
        self._ask_in(id, "take_text", text, name)

    def send_conversation(self, id: str) -> None:
        """Give the conversation that the chat shows to another panel."""
        conversation = getattr(self.panels["chat"], "current", "")
        if conversation:
            self._ask_in(id, "take_conversation", conversation)

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

    def tell_dead(self, name: str) -> None:
        """A model stopped working: say so until it is loaded again."""
        self._dead.add(name)
        if name == self._model_name:
            self._show_state("dead", name, 0.0)

    def _show_state(self, state: State, name: str, fraction: float) -> None:
        self._model_name = name
        if state == "dead":
            self._dead.add(name)
        elif state in ("ready", "loading"):
            self._dead.discard(name)
        elif name in self._dead:
            state = "dead"
        self._loading = state == "loading"
        self._show_stop()
        self.status.set_model(name, state, fraction)
        if state != "ready":
            self.status.set_device("")
        else:
            self._measure()

    def _show_stop(self) -> None:
        # Esc belongs to others while there is nothing to stop.
        busy = any(wanted.busy for wanted in self._wanted.values())
        self.actions_.set_enabled("stop", busy or self._loading)

    def _show_wanted(self) -> None:
        """Show in the status bar what the panel wants there that was shown last of those with a model."""
        wanted = self._wanted[self._speaking]
        if wanted.state is not None:
            self._show_state(*wanted.state)
        self._show_context(wanted.use)
        self.status.set_speed(wanted.speed)

    def _show_context(self, use: ContextUse | None) -> None:
        if use is None:
            self.status.set_context(None, 0)
        else:
            self.status.set_context(use.total, use.context_size, exact=use.exact)

    def _measure(self) -> None:
        """Read memory and engines on a worker; one reading at a time."""
        if not self._measuring:
            self._measuring = True
            self._jobs.run(self._read_use, self._show_use, self._show_no_use)

    def _read_use(self) -> tuple[int, int, list[LoadedModel]]:
        import psutil

        loaded = self._workbench.engines.loaded()
        used = psutil.Process().memory_info().rss + sum(model.memory_bytes for model in loaded)
        return used, psutil.virtual_memory().total, loaded

    def _show_use(self, use: tuple[int, int, list[LoadedModel]]) -> None:
        self._measuring = False
        used, total, loaded = use
        self.status.set_memory(used, total)
        picker = self.picker()
        model = picker.model if picker is not None else None
        info = next((m.info for m in loaded if model is not None and m.path == str(model.path)), None)
        self.status.set_device(device_text(info) if info is not None else "")

    def _show_connections(self) -> None:
        """Tell how many requests went out since the start, where to, and what for."""
        made = self._workbench.network.connections()
        line = QCoreApplication.translate("Window", "{count} × {host}: {reason}")
        lines = [
            line.format(
                count=one.count, host=one.host, reason=QCoreApplication.translate("Network", one.reason)
            )
            for one in made
        ]
        head = QCoreApplication.translate("Window", "Connections since Rolltop was started:")
        self.status.set_connections(sum(one.count for one in made), "\n".join([head, *lines]))

    def _show_no_use(self, error: Exception) -> None:
        self._measuring = False

    def picker(self) -> ModelPicker | None:
        """The chat panel's model picker, once that panel is there."""
        from desktop.ui.widgets.model_picker import ModelPicker

        chat = self.panels.get("chat")
        return chat.findChild(ModelPicker) if chat is not None else None

    def _restart(self) -> None:
        picker = self.picker()
        if picker is not None:
            self.show_panel("chat")
            picker.load()

    def chat_with(self, key: str) -> None:
        """Show the chat panel and give its conversation this model: an id of the library, or a path."""
        picker = self.picker()
        if picker is not None:
            self.show_panel("chat")
            picker.choose(key)

    # ------------------------------------------------------------ settings

    def _set(self, key: str, value: object) -> None:
        # Writing waits for the disk; whoever shows the setting hears of it over the bridge.
        self._jobs.run(lambda: self._workbench.settings.set(key, value))

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
            self.resize(MADE_FOR.boundedTo(room))
            # The frame needs room too: on a screen just that large the window fills it.
            if room.width() < MADE_FOR.width() + 40 or room.height() < MADE_FOR.height() + 60:
                self.setWindowState(Qt.WindowState.WindowMaximized)

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
        from desktop.ui.widgets.palette import CommandPalette, Entry

        if self.palette_ is None:
            self.palette_ = CommandPalette(self._theme, self)
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
        self._add_entries(
            (row.title or untitled, kind, "chat", partial(self._ask_any, "open_conversation", row.id))
            for row in rows
        )

    def _add_models(self, models: list[Model]) -> None:
        kind = QCoreApplication.translate("Window", "model")
        self._add_entries(
            (f"{model.name} {model.quantization}", kind, "box", partial(self.chat_with, model.id))
            for model in models
        )

    def _add_entries(self, entries: Iterable[tuple[str, str, str, Callable[[], object]]]) -> None:
        from desktop.ui.widgets.palette import Entry

        if self.palette_ is not None:
            self.palette_.add([Entry(*entry) for entry in entries])

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


def device_text(info: ModelInfo) -> str:
    """Where a model runs: "CPU", or how many of its layers are on the GPU."""
    if info.gpu_layers <= 0:
        return QCoreApplication.translate("Window", "CPU")
    text = QCoreApplication.translate("Window", "GPU {some} / {all} layers")
    return text.format(some=info.gpu_layers, all=info.layers)


def app_version() -> str:
    """The version of the installed distribution."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("rolltop")
    except PackageNotFoundError:
        return "0"
