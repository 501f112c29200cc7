"""Starts the window: one instance a data folder, objects built here and passed on, errors told."""

from __future__ import annotations

import gc
import hashlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QObject, Qt, QTimer, Signal, SignalInstance
from PySide6.QtGui import QIcon
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QApplication, QMessageBox

from desktop.ui.bridge import Bridge
from desktop.ui.downloads import DownloadRunner
from desktop.ui.jobs import Jobs
from desktop.ui.language import SYSTEM, use_language
from desktop.ui.notices import error_notice, error_text, report_text
from desktop.ui.theme import RESOURCES, Theme
from desktop.ui.window import Window
from models.errors import RolltopError

if TYPE_CHECKING:
    from desktop.workbench.workbench import Workbench

POLL_MS = 500
SWEEP_MS = 30_000
COLLECT_MS = 2000
ANSWER_MS = 3000


def main(data_dir: Path | None = None) -> int:
    """Open the window on a data folder (None: the platform's own) and run until it is closed."""
    app = application()
    use_language(app, SYSTEM)  # until the settings are read
    from desktop.workbench.workbench import Workbench, default_data_dir

    folder = Path(os.path.abspath(data_dir or default_data_dir()))
    instance = Instance(folder)
    try:
        if instance.other:
            return 0 if instance.raise_other() else _not_answering(folder)
        workbench = _opened(lambda: Workbench.open(folder))
        if workbench is None:
            return 1
        desk = Desk(app, workbench)
        try:
            instance.listen(desk.raise_window)
            desk.start()
            return app.exec()
        finally:
            desk.close()
    finally:
        instance.close()


def application() -> QApplication:
    """The QApplication, made when there is none yet."""
    there = QApplication.instance()
    app = there if isinstance(there, QApplication) else QApplication(sys.argv[:1])
    app.setApplicationName("Rolltop")
    app.setApplicationDisplayName("Rolltop")
    app.setDesktopFileName("rolltop")
    app.setWindowIcon(QIcon(str(RESOURCES / "icons" / "app" / "rolltop.svg")))
    return app


class Instance:
    """Makes sure that one window uses a folder: a lock that the system frees, and a socket to call it.

    Attributes:
        other: another process holds the lock.
    """

    def __init__(self, folder: Path) -> None:
        from desktop.workbench.workbench import FolderLock

        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "window.lock"
        self._lock = FolderLock(path)
        # Where no lock can be made at all, the store says why the folder cannot be used.
        self.other = not self._lock.held and os.access(path, os.W_OK)
        self._name = "rolltop-" + hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:20]
        self._server: QLocalServer | None = None

    def raise_other(self, wait_ms: int = ANSWER_MS) -> bool:
        """Ask the other process to show its window; False when it does not answer in time."""
        for _ in range(max(1, wait_ms // 100)):
            socket = QLocalSocket()
            socket.connectToServer(self._name)
            if socket.waitForConnected(100):
                socket.write(b"raise\n")
                socket.waitForBytesWritten(wait_ms)
                # The answer may have come in while the question was still being written.
                answered = socket.bytesAvailable() > 0 or socket.waitForReadyRead(wait_ms)
                socket.abort()
                return answered
            # It may just be starting: it has the lock but does not listen yet.
            time.sleep(0.1)
        return False

    def listen(self, on_raise: Callable[[], None]) -> None:
        """Hear from later starts; each one calls `on_raise`."""
        if not self._lock.held:
            return
        server = QLocalServer()
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        if not server.listen(self._name):
            # We hold the lock, so the socket is left over from a process that was killed.
            QLocalServer.removeServer(self._name)
            server.listen(self._name)

        def called() -> None:
            while (socket := server.nextPendingConnection()) is not None:
                socket.disconnected.connect(socket.deleteLater)
                socket.write(b"here\n")
                socket.flush()
                on_raise()

        server.newConnection.connect(called)
        self._server = server

    def close(self) -> None:
        """Free the folder."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._lock.close()


class Desk(QObject):
    """What the running app is made of: built here, passed on as arguments, closed in the right order.

    Attributes:
        theme, jobs, bridge, window: the parts.
    Signals:
        ready: the panels are there.
    """

    ready = Signal()

    _broke = Signal(object)

    def __init__(self, app: QApplication, workbench: Workbench) -> None:
        super().__init__()
        self._app, self._workbench = app, workbench
        use_language(app, str(workbench.settings.get("language")))
        self.theme = Theme(self)
        self.theme.set_scheme(workbench.settings.get("theme"))  # type: ignore[arg-type]  # its choices
        self.theme.apply(app)
        self.jobs = Jobs(self)
        self.jobs.hold()
        self.bridge = Bridge(self)
        workbench.settings.on_change.append(self.bridge.setting_was_set)
        self.window: Window = Window(workbench, self.jobs, self.bridge, self.theme)
        self._polling = False
        self._timers = [
            self._timer(POLL_MS, self._look_for_dead),
            self._timer(SWEEP_MS, self._sweep),
            self._timer(COLLECT_MS, collect),
        ]
        self._broke.connect(self._tell_broken)
        self._hook: Any = None
        self._signals: dict[int, Any] = {}

    def start(self) -> None:
        """Show the window's frame; the panels follow once it was painted, then the model is loaded."""
        self._hook, sys.excepthook = sys.excepthook, self._excepthook
        for number in (signal.SIGINT, signal.SIGTERM):
            self._signals[number] = signal.signal(number, self._asked_to_end)
        # Collecting on a worker would destroy widgets there; see `collect`.
        gc.disable()
        for timer in self._timers:
            timer.start()
        self.window.painted.connect(self._painted)
        self.window.show()

    def close(self) -> None:
        """Close the window, end the work, then the engines and the store."""
        for timer in self._timers:
            timer.stop()
        self.window.close()
        self.bridge.blockSignals(True)  # what is still on its way would find a closed store
        self.jobs.close()
        self._workbench.close()
        if self._hook is not None:
            sys.excepthook, self._hook = self._hook, None
            gc.enable()
        for number, handler in self._signals.items():
            signal.signal(number, handler)
        self._signals.clear()
        self.window.deleteLater()

    def raise_window(self) -> None:
        """Bring the window to the front."""
        self.window.setWindowState(self.window.windowState() & ~self.window.windowState().WindowMinimized)
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()
        QApplication.alert(self.window)

    # ------------------------------------------------------------ timers

    def _timer(self, interval: int, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(interval)
        timer.timeout.connect(slot)
        return timer

    def _look_for_dead(self) -> None:
        """Ask for engines that died; on a worker, since burying one waits for its process."""
        if self._polling:
            return
        self._polling = True

        def told(names: list[str]) -> None:
            self._polling = False
            for name in names:
                self.window.tell_dead(name)
            if names:
                self.bridge.engines_changed.emit()

        self.jobs.run(self._dead_names, told, self._poll_failed)

    def _dead_names(self) -> list[str]:
        return [self._name_of(dead.path) for dead in self._workbench.engines.dead()]

    def _name_of(self, path: str) -> str:
        try:
            return self._workbench.library.get(path).name
        except RolltopError:
            return Path(path).stem

    def _poll_failed(self, error: Exception) -> None:
        self._polling = False
        self.window.show_error(error)

    def _sweep(self) -> None:
        idle_s = 60.0 * float(self._workbench.settings.get("idle_unload_minutes"))
        if idle_s > 0:
            self.jobs.run(lambda: self._workbench.engines.sweep(idle_s), self._swept)

    def _swept(self, paths: list[str]) -> None:
        if paths:
            self.bridge.engines_changed.emit()

    # ------------------------------------------------------------ what nobody expected

    def _excepthook(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self.window.close()
            return
        traceback.print_exception(kind, error, trace)
        # Maybe on another thread, maybe inside a paint event: tell it later, on the GUI thread.
        self._broke.emit(error.with_traceback(trace))

    def _tell_broken(self, error: BaseException) -> None:
        self.bridge.notice.emit(error_notice(error))

    def _asked_to_end(self, number: int, frame: FrameType | None) -> None:
        self.window.close()

    def _painted(self) -> None:
        self._workbench.network.on_connect.append(self.bridge.connection_was_made)
        self.downloads = DownloadRunner(self._workbench.downloads, self.jobs, self.bridge, self)
        self.downloads.chat_requested.connect(self.window.chat_with)
        add_panels(self.window, self._workbench, self.jobs, self.bridge, self.theme, self.downloads)
        QTimer.singleShot(0, self._begin)

    def _begin(self) -> None:
        """The panels are there: let their jobs begin, and load the model of the chat that is shown."""
        self.jobs.release()
        self.downloads.start()  # what the last session did not finish
        opened = getattr(self.window.panels["chat"], "opened", None)
        if isinstance(opened, SignalInstance):
            opened.connect(self._load_model, Qt.ConnectionType.SingleShotConnection)
        self.ready.emit()

    def _load_model(self, *_: object) -> None:
        picker = self.window.picker()
        if picker is not None and not self._workbench.store.read_only:
            picker.load()


def add_panels(
    window: Window,
    workbench: Workbench,
    jobs: Jobs,
    bridge: Bridge,
    theme: Theme,
    downloads: DownloadRunner,
) -> None:
    """Give the window its panels; only those that exist have a place in the rail."""

    def chat() -> Any:
        from desktop.ui.panels.chat import ChatPanel

        return ChatPanel(workbench, jobs, bridge, theme)

    def summarize() -> Any:
        from desktop.ui.panels.summarize import SummarizePanel

        return SummarizePanel(workbench, jobs, bridge, theme)

    def rewrite() -> Any:
        from desktop.ui.panels.rewrite import RewritePanel

        return RewritePanel(workbench, jobs, bridge, theme)

    def models() -> Any:
        from desktop.ui.panels.models import ModelsPanel

        return ModelsPanel(workbench, jobs, bridge, theme, downloads)

    def show_models(method: str) -> None:
        window.show_panel("models")
        getattr(window.panels["models"], method)()

    def settings() -> Any:
        from desktop.ui.panels.settings import SettingsPanel

        return SettingsPanel(workbench, jobs, bridge, theme)

    window.add_panel("chat", QCoreApplication.translate("Window", "Chat"), "chat", chat)
    word = QCoreApplication.translate("Window", "Summarize")
    window.add_panel("summarize", word, "summarize", summarize)
    window.add_panel("rewrite", QCoreApplication.translate("Window", "Rewrite"), "rewrite", rewrite)
    window.actions_.bind(
        {f"{id}_conversation": partial(window.send_conversation, id) for id in ("summarize", "rewrite")}
    )
    word = QCoreApplication.translate("Window", "Models")
    window.add_panel("models", word, "box", models, bottom=True)
    # The panel is made when it is first shown; what it can do is in the menu before.
    for name in ("find_models", "import_model"):
        window.actions_.bind({name: partial(show_models, name)})
    word = QCoreApplication.translate("Window", "Settings")
    window.add_panel("settings", word, "settings", settings, bottom=True)
    window.show_panel("chat")


def collect() -> None:
    """Collect garbage on the GUI thread, as the collector would by its own counts.

    Python collects on whichever thread allocates; widgets caught in a cycle must not be destroyed
    on a worker.
    """
    for generation, (count, limit) in reversed(
        list(enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True)))
    ):
        if limit and count > limit:
            gc.collect(generation)
            return


def _opened(open_: Callable[[], Workbench]) -> Workbench | None:
    """Open the workbench; while that fails, say why and let the user try again. None: gave up."""
    while True:
        try:
            return open_()
        except Exception as error:
            if not _try_again(error):
                return None


def _try_again(error: Exception) -> bool:
    sentence, hint = error_text(error)
    print(f"rolltop: {sentence} {hint}".strip(), file=sys.stderr)  # noqa: T201
    box = _box(sentence, hint)
    retry = QCoreApplication.translate("App", "Try again")
    button = box.addButton(retry, QMessageBox.ButtonRole.AcceptRole)
    box.addButton(QCoreApplication.translate("App", "Quit"), QMessageBox.ButtonRole.RejectRole)
    if not isinstance(error, RolltopError):
        box.setDetailedText(report_text(error))
    box.exec()
    return box.clickedButton() is button


def _not_answering(folder: Path) -> int:
    sentence = QCoreApplication.translate(
        "App", "Rolltop is already running with this folder, but it does not answer."
    )
    hint = QCoreApplication.translate("App", "End the other Rolltop, then start again. Folder: {folder}")
    print(f"rolltop: {sentence}", file=sys.stderr)  # noqa: T201
    _box(sentence, hint.format(folder=folder)).exec()
    return 1


def _box(sentence: str, hint: str) -> QMessageBox:
    theme = Theme()
    app = QApplication.instance()
    if isinstance(app, QApplication):
        theme.apply(app)
    box = QMessageBox(QMessageBox.Icon.NoIcon, "Rolltop", "")
    theme.setParent(box)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(sentence)
    box.setInformativeText(hint)
    return box
