"""The bar at the bottom: model and state, device, context, speed, memory, connections made."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QCoreApplication, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from desktop.ui.theme import Theme
from desktop.ui.widgets.labels import set_role

State = Literal["none", "loading", "ready", "dead"]

GIB = 1024**3


class StateDot(QWidget):
    """A small disc in the colour of a state; the words beside it say the same."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._state: State = "none"
        self.setFixedSize(10, 10)
        theme.changed.connect(self.update)

    def set_state(self, state: State) -> None:
        """Show another state."""
        self._state = state
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            tokens = self._theme.tokens
            color = QColor(
                {"ready": tokens.good, "dead": tokens.bad, "loading": tokens.accent}.get(
                    self._state, tokens.faint
                )
            )
            if self._state in ("none", "loading"):
                painter.setPen(color)
                painter.drawEllipse(QRectF(1.5, 1.5, 7, 7))
            else:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(color)
                painter.drawEllipse(QRectF(1, 1, 8, 8))


class StatusBar(QWidget):
    """Shows what it is told; decides nothing.

    Signals:
        restart_requested: the user wants the model that stopped working to be started again.
        model_clicked: the user pressed the model's name.
        shield_clicked: the user asks about connections.
    """

    restart_requested = Signal()
    model_clicked = Signal()
    shield_clicked = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setProperty("role", "status")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(30)
        self.setAccessibleName(QCoreApplication.translate("StatusBar", "Status"))
        # The dot that stands between a fact and its neighbour comes and goes with the fact.
        self._before: dict[QLabel, QLabel] = {}
        self._dot = StateDot(theme)
        self._model = self._button()
        self._model.clicked.connect(self.model_clicked)
        self._restart = self._button()
        self._restart.setText(" " + QCoreApplication.translate("StatusBar", "Restart"))
        self._restart.setAccessibleName(QCoreApplication.translate("StatusBar", "Restart the model"))
        self._restart.setIcon(theme.icon("restart", "accent"))
        self._restart.setIconSize(QSize(14, 14))
        self._restart.clicked.connect(self.restart_requested)
        self._device = self._label()
        self._meter = QProgressBar()
        self._meter.setTextVisible(False)
        self._meter.setFixedWidth(90)
        self._context = self._label()
        self._speed = self._label()
        self._memory = self._label()
        self._shield = self._button()
        self._shield.setIconSize(QSize(15, 15))
        self._shield.clicked.connect(self.shield_clicked)
        self._lay_out()
        self.set_model("", "none")
        self.set_device("")
        self.set_context(None, 0)
        self.set_speed(None)
        self.set_memory(None, 0)
        self.set_connections(0)

    # ------------------------------------------------------------ setters

    def set_model(self, name: str, state: State, fraction: float = 0.0) -> None:
        """The model's name and what it is doing; `fraction` of it is loaded, 0 to 1."""
        if state == "ready":
            text = QCoreApplication.translate("StatusBar", "{model} ready").format(model=name)
        elif state == "loading":
            text = QCoreApplication.translate("StatusBar", "{model} loading {percent}%").format(
                model=name, percent=round(100 * fraction)
            )
        elif state == "dead":
            text = QCoreApplication.translate("StatusBar", "{model} stopped working").format(model=name)
        elif name:
            text = QCoreApplication.translate("StatusBar", "{model} not loaded").format(model=name)
        else:
            text = QCoreApplication.translate("StatusBar", "No model chosen")
        self._dot.set_state(state)
        self._model.setText(text.strip())
        self._model.setAccessibleName(text.strip())
        self._restart.setVisible(state == "dead")
        set_role(self._model, "status-bad" if state == "dead" else "status")

    def set_device(self, text: str) -> None:
        """Where the model runs, such as "CPU" or "GPU 24 / 30 layers"; "" for nowhere."""
        self._show(self._device, text)

    def set_context(self, tokens: int | None, size: int, *, exact: bool = True) -> None:
        """Tokens of the context in use; None when nothing is known. An estimate is marked so."""
        known = tokens is not None and size > 0
        self._meter.setVisible(known)
        if tokens is None or size <= 0:
            self._show(self._context, "")
            return
        self._meter.setRange(0, size)
        self._meter.setValue(min(tokens, size))
        full = "true" if tokens > size else "false"
        if self._meter.property("full") != full:
            self._meter.setProperty("full", full)
            self._meter.style().unpolish(self._meter)
            self._meter.style().polish(self._meter)
        text = QCoreApplication.translate("StatusBar", "{used} / {size} tokens")
        if not exact:
            text = QCoreApplication.translate("StatusBar", "about {used} / {size} tokens")
        if tokens > size:
            text = QCoreApplication.translate("StatusBar", "{used} / {size} tokens, too long")
        self._show(self._context, text.format(used=tokens, size=size))
        words = QCoreApplication.translate("StatusBar", "Context: {used} of {size} tokens in use")
        self._meter.setAccessibleName(words.format(used=tokens, size=size))
        self._meter.setToolTip(words.format(used=tokens, size=size))

    def set_speed(self, tokens_per_second: float | None) -> None:
        """How fast the last answer came, or comes."""
        text = QCoreApplication.translate("StatusBar", "{rate} tok/s")
        if tokens_per_second is None or tokens_per_second <= 0:
            self._show(self._speed, "")
        else:
            digits = 1 if tokens_per_second < 10 else 0
            self._show(self._speed, text.format(rate=f"{tokens_per_second:.{digits}f}"))

    def set_memory(self, used: int | None, total: int) -> None:
        """Bytes used by the app with its engines, and bytes of the computer."""
        text = QCoreApplication.translate("StatusBar", "RAM {used} / {total} GB")
        if used is None:
            self._show(self._memory, "")
        else:
            self._show(self._memory, text.format(used=f"{used / GIB:.1f}", total=f"{total / GIB:.0f}"))

    def set_connections(self, count: int, why: str = "") -> None:
        """How many network connections were made since the start, and why."""
        if count:
            text = QCoreApplication.translate("StatusBar", "connections: {count}").format(count=count)
        else:
            text = QCoreApplication.translate("StatusBar", "offline")
            why = QCoreApplication.translate(
                "StatusBar", "Offline: Rolltop has made no network connection since it was started."
            )
        self._shield.setText(f" {text}")
        self._shield.setIcon(self._theme.icon("shield", "muted" if count else "good"))
        self._shield.setToolTip(why)
        self._shield.setAccessibleName(why or text)

    @property
    def shield_text(self) -> str:
        """What the shield has to say."""
        return self._shield.toolTip()

    # ------------------------------------------------------------ parts

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(15, 0, 10, 0)
        row.setSpacing(8)
        row.addWidget(self._dot)
        row.addWidget(self._model)
        row.addWidget(self._restart)
        for fact in (self._device, self._context):
            row.addWidget(self._before[fact])
            if fact is self._context:
                row.addWidget(self._meter)
            row.addWidget(fact)
        row.addStretch(1)
        for fact in (self._speed, self._memory):
            row.addWidget(fact)
            row.addWidget(self._before[fact])
        row.addWidget(self._shield)

    def _show(self, label: QLabel, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))
        self._before[label].setVisible(bool(text))

    def _label(self) -> QLabel:
        label = QLabel()
        dot = QLabel("·")
        dot.setProperty("role", "muted")
        self._before[label] = dot
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setProperty("role", "muted")
        label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        return label

    def _button(self) -> QPushButton:
        button = QPushButton()
        button.setProperty("role", "status")
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button
