"""The model of the conversation that is shown: chosen, loaded, asked what it can, counted with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QCoreApplication, QObject, Signal
from PySide6.QtWidgets import QLabel

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Job, Jobs
from desktop.ui.panels.exchange import Exchange, Exchanges, Saver
from desktop.ui.widgets.chat_parts import LoadingLine
from desktop.ui.widgets.composer import Composer
from desktop.ui.widgets.inspector import Inspector
from desktop.ui.widgets.model_picker import ModelPicker
from desktop.workbench.chat import ContextUse
from desktop.workbench.chat_settings import ChatSettings
from desktop.workbench.loading import ModelLoading
from desktop.workbench.workbench import Workbench
from models.engine.client import Engine
from models.engine.protocol import Chat, Message, ModelInfo
from models.errors import EngineDied, RolltopError
from models.library import Model


class ChatModel(QObject):
    """Serves the picker, the inspector and the count in the composer.

    Attributes:
        line: how far loading is. note: shown while the model has no chat format.
    Signals:
        state(str state, str name, float fraction): "none", "loading", "ready" or "dead".
        use(ContextUse or None): tokens of what would be sent now, or of the answer in the making.
        speed(float): tokens per second of the answer in the making.
        failed(str conversation, Exception): its model could not be loaded.
    """

    state = Signal(str, str, float)
    use = Signal(object)
    speed = Signal(float)
    failed = Signal(str, object)

    def __init__(
        self, workbench: Workbench, jobs: Jobs, bridge: Bridge, exchanges: Exchanges, saver: Saver,
        picker: ModelPicker, inspector: Inspector, composer: Composer,
    ) -> None:  # fmt: skip
        super().__init__(picker)
        self._chats, self._engines = workbench.chats, workbench.engines
        self._settings = workbench.settings
        self._jobs, self._bridge, self._exchanges, self._saver = jobs, bridge, exchanges, saver
        self._picker, self._inspector, self._composer = picker, inspector, composer
        self.line = LoadingLine()
        self.note = QLabel(
            QCoreApplication.translate(
                "Chat", "This model has no chat template: it is given a plain transcript to complete."
            )
        )
        self.note.setProperty("role", "fact")
        self.note.setWordWrap(True)
        self.note.hide()
        self._current = ""
        self._use: ContextUse | None = None
        self._job: Job | None = None
        self._counting = self._count_again = False
        self._connect()

    def _connect(self) -> None:
        self._picker.chosen.connect(self._choose)
        self._picker.load_requested.connect(self._load_as)
        self._picker.cancel_requested.connect(self.cancel)
        self.line.cancelled.connect(self.cancel)
        self._composer.measure_requested.connect(self.count)
        self._inspector.settings_changed.connect(self._keep_settings)
        self._inspector.system_changed.connect(self._keep_system)
        self._inspector.reload_requested.connect(self._reload)
        self._exchanges.told.connect(self._told)
        self._exchanges.grown.connect(self._told)
        self._exchanges.ended.connect(self._ended)
        self._exchanges.loaded.connect(self._bridge.engines_changed)
        self._bridge.engines_changed.connect(self._look)
        self._bridge.engines_changed.connect(self.count)

    # ------------------------------------------------------------ for the panel

    @property
    def name(self) -> str:
        """What the model is called; "" while it is not known."""
        return self._picker.model.name if self._picker.model is not None else ""

    @property
    def context_length(self) -> int:
        """The longest context that the model can have; 0 while it is not known."""
        return self._picker.model.context_length if self._picker.model is not None else 0

    @property
    def loading(self) -> bool:
        """Whether it is being loaded ahead of an answer."""
        return self._job is not None

    def show(self, conversation: str, key: str, system: str, settings: ChatSettings) -> None:
        """Turn to a conversation, or to what is new about it."""
        self._picker.set_model(key)
        if conversation != self._current:
            self._current = conversation
            self._inspector.set_conversation(system, settings)
            self._show_use(None)
        exchange = self._exchanges.get(conversation)
        self._show_loading(exchange.loading if exchange is not None else None)
        self._look()
        self.count()

    def choose(self) -> None:
        """Let the user choose a model."""
        self._picker.open()

    def load(self, prepare: Callable[[], object] = lambda: None) -> None:
        """Load the model, after `prepare`; an answer in the making goes on with the one it has."""
        current = self._current
        if self._job is not None:
            self._job.cancel()
        if not current or self._exchanges.get(current) is not None:  # it takes effect with the next message
            self._saver.put(f"model {current}", prepare)
            return

        def make() -> Iterable[ModelLoading]:
            prepare()
            return self._chats.load(current)

        def progress(events: list[ModelLoading]) -> None:
            if current == self._current:
                self._show_loading(events[-1].fraction)

        def failed(error: Exception) -> None:
            self._loaded(current)
            self.failed.emit(current, error)

        self._show_loading(0.0)
        self._job = self._jobs.stream(make, progress, partial(self._loaded, current), failed)

    def cancel(self) -> None:
        """Stop loading; an answer that waits for it is not made."""
        exchange = self._exchanges.get(self._current)
        if exchange is not None and exchange.answer is None:
            exchange.cancel()
        if self._job is not None:
            self._job.cancel()
            self._loaded(self._current)

    def change(self, key: str, value: int | str) -> Callable[[], None]:
        """Show another context size or number of layers, or give the model another type of cache.

        Gives what stores it, to be called on a worker.
        """
        current, model = self._current, self._picker.model
        if key == "kv_type":
            return lambda: self._chats.collection.set_setting(model, key, value) if model else None
        settings = replace(self._inspector.settings(), **{key: value})  # type: ignore[arg-type]
        self._inspector.set_conversation(self._inspector.system.toPlainText(), settings)
        return lambda: self._chats.set_settings(current, settings)

    # ------------------------------------------------------------ choices

    def _choose(self, key: str) -> None:
        """What the user chooses here answers this conversation, and new chats from now on."""

        def keep() -> None:
            self._chats.set_model(current, key)
            self._settings.set("default_model", key)

        current = self._current
        if current:
            self.load(keep)

    def _load_as(self, key: str) -> None:
        current = self._current
        if current:
            self.load(lambda: self._chats.set_model(current, key))

    def _reload(self, settings: ChatSettings) -> None:
        current = self._current
        if current:
            self.load(lambda: self._chats.set_settings(current, settings))

    def _keep_settings(self, settings: ChatSettings) -> None:
        current = self._current
        if current:
            self._saver.put(f"settings {current}", lambda: self._chats.set_settings(current, settings))

    def _keep_system(self, text: str) -> None:
        current = self._current
        if current:
            self._saver.put(f"system {current}", lambda: self._chats.set_system(current, text))
            self.count()

    # ------------------------------------------------------------ its state

    def _show_loading(self, fraction: float | None) -> None:
        if fraction is None and self.line.isHidden():
            return
        self.line.show_progress(self.name, fraction)
        self._picker.set_loading(fraction)
        if fraction is not None:
            self.state.emit("loading", self.name, fraction)

    def _loaded(self, conversation: str) -> None:
        self._job = None
        if conversation == self._current:
            self._show_loading(None)
        self._bridge.engines_changed.emit()

    def _told(self, exchange: Exchange) -> None:
        if exchange.conversation != self._current:
            return
        if exchange.loading is not None or self._job is None:
            self._show_loading(exchange.loading)
        self.note.setVisible(exchange.plain or not self.note.isHidden())
        if exchange.speed:
            self.speed.emit(exchange.speed)
        if self._use is not None and exchange.prompt_tokens:
            total = exchange.prompt_tokens + exchange.tokens
            self.use.emit(replace(self._use, draft=0, total=total, exact=True))

    def _ended(self, exchange: Exchange, error: Exception | None) -> None:
        if exchange.conversation == self._current:
            if isinstance(error, EngineDied):
                self.state.emit("dead", self.name, 0.0)
            self._show_loading(None)
            self._look()
            self.count()

    def _look(self) -> None:
        """Find out whether the model is loaded, and what it can."""
        current = self._current

        def look() -> tuple[Model, ModelInfo | None, bool]:
            model = self._chats.model_of(current)
            engine = self._engines.get(str(model.path))
            return model, engine.info if engine is not None else None, _thinks(engine)

        def show(found: tuple[Model, ModelInfo | None, bool]) -> None:
            model, info, thinks = found
            exchange = self._exchanges.get(current)
            if current != self._current or (exchange is not None and exchange.loading is not None):
                return
            self._inspector.set_limits(model.context_length, info.layers if info else 0, thinks=thinks)
            self.note.setVisible(info is not None and not info.chat_template)
            if self._job is None:
                self.state.emit("ready" if info is not None else "none", model.name, 1.0)

        if current:
            # A model that cannot be found is told when it is needed; here it is merely not ready.
            self._jobs.run(look, show, lambda _error: self.state.emit("none", "", 0.0))

    # ------------------------------------------------------------ counting

    def count(self) -> None:
        """Count the tokens of what would be sent; one count at a time, the newest text last."""
        current, draft = self._current, self._composer.text()
        self._count_again = self._counting
        if not current or self._counting:
            return
        self._counting = True

        def counted(use: ContextUse | None) -> None:
            self._counting = False
            if self._count_again:
                self.count()
            elif use is not None and current == self._current:
                self._show_use(use)

        def count() -> ContextUse:
            self._saver.flush()
            return self._chats.measure(current, draft)

        # A count that fails (a missing model, an engine that died) has nothing to show.
        self._jobs.run(count, counted, lambda _error: counted(None))

    def _show_use(self, use: ContextUse | None) -> None:
        self._use = use
        self._inspector.set_use(use)
        self._composer.set_tokens(use.draft if use is not None else None, use is None or use.exact)
        exchange = self._exchanges.get(self._current)
        if exchange is None or not exchange.tokens:
            self.use.emit(use)


def _thinks(engine: Engine | None) -> bool:
    """Whether the model's chat template knows thinking."""
    try:
        chat = Chat(messages=(Message(role="user", content="?"),))
        return engine is not None and engine.render(chat).thinking is not None
    except RolltopError:
        return False
