"""What surrounds a conversation: system prompt, sampling, the model's context, and what it saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QValidator
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.theme import Theme
from desktop.ui.widgets.adapter_list import AdapterList
from desktop.ui.widgets.plain_edit import PlainEdit
from desktop.workbench.chat import ContextUse
from desktop.workbench.chat_settings import ChatSettings
from desktop.workbench.settings import BY_KEY
from models.engine.protocol import Sampling

WIDTH = 264
SAVE_MS = 400
MOST_CONTEXT = 1 << 20
MOST_LAYERS = 999
THINKING = (None, True, False)


@dataclass(frozen=True)
class Dial:
    """A sampling value with a slider. `most` is where the slider ends; typing reaches the setting's limit."""

    field: str
    least: float
    most: float
    step: float


DIALS = (
    Dial("temperature", 0.0, 2.0, 0.05),
    Dial("top_p", 0.0, 1.0, 0.01),
    Dial("min_p", 0.0, 0.5, 0.01),
)


def _label(field: str) -> str:
    """The name of a value in the user's language."""
    return {
        "temperature": QCoreApplication.translate("Inspector", "Temperature"),
        "top_p": QCoreApplication.translate("Inspector", "Top-p"),
        "min_p": QCoreApplication.translate("Inspector", "Min-p"),
    }[field]


def _help(key: str) -> str:
    return QCoreApplication.translate("Settings", BY_KEY[key].help) if key in BY_KEY else ""


class SeedBox(QSpinBox):
    """A seed: a number, or -1 shown as the word for a random one; emptying the field means random."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(-1, 2**31 - 1)
        self.setSpecialValueText(QCoreApplication.translate("Inspector", "random"))

    def validate(self, text: str, place: int) -> tuple[QValidator.State, str, int]:
        """Allow the word, any start of it, and nothing."""
        if self.specialValueText().lower().startswith(text.strip().lower()):
            return QValidator.State.Acceptable, text, place
        return super().validate(text, place)

    def valueFromText(self, text: str) -> int:
        """-1 for whatever is no number."""
        return int(text) if text.strip().isdecimal() else -1


def _decimal(least: float, most: float, step: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setDecimals(2)
    box.setSingleStep(step)
    box.setRange(least, most)
    return box


class ValueRow(QWidget):
    """A name with a value at the right that can be typed."""

    def __init__(self, label: str, box: QAbstractSpinBox | QComboBox, tip: str, parent: QWidget) -> None:
        super().__init__(parent)
        box.setParent(self)
        box.setAccessibleName(label)
        box.setToolTip(tip)
        box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # not by the wheel while scrolling past
        if isinstance(box, QAbstractSpinBox):
            box.setAlignment(Qt.AlignmentFlag.AlignRight)
            box.setProperty("role", "value")
            box.setKeyboardTracking(False)
        box.setFixedWidth(110)
        name = QLabel(label, self)
        name.setTextFormat(Qt.TextFormat.PlainText)
        name.setToolTip(tip)
        name.setBuddy(box)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(name, 1)
        row.addWidget(box)


class DialRow(QWidget):
    """A name, a value that can be typed, and a slider below.

    Signals:
        changed: by the user or by `set_value`.
    """

    changed = Signal()

    def __init__(self, dial: Dial, parent: QWidget) -> None:
        super().__init__(parent)
        self._dial = dial
        setting = BY_KEY[dial.field]
        label = _label(dial.field)
        self.box = _decimal(setting.minimum or 0.0, setting.maximum or dial.most, dial.step)
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self.slider.setRange(round(dial.least / dial.step), round(dial.most / dial.step))
        self.slider.setPageStep(max(1, round(0.1 / dial.step)))
        self.slider.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.slider.setAccessibleName(
            QCoreApplication.translate("Inspector", "{name}, slider").format(name=label)
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(ValueRow(label, self.box, _help(dial.field), self))
        column.addWidget(self.slider)
        self.box.valueChanged.connect(self._typed)
        self.slider.valueChanged.connect(self._slid)

    def value(self) -> float:
        """The value, to two decimals."""
        return round(self.box.value(), 2)

    def set_value(self, value: float) -> None:
        """Show a value; what is beyond the slider's end stays exact in the box."""
        self.box.setValue(value)

    def _typed(self, value: float) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(round(value / self._dial.step))
        self.slider.blockSignals(False)
        self.slider.update()
        self.changed.emit()

    def _slid(self, place: int) -> None:
        self.box.setValue(place * self._dial.step)


class FactRow(QWidget):
    """A name and a number of tokens."""

    def __init__(self, label: str, parent: QWidget) -> None:
        super().__init__(parent)
        name = QLabel(label, self)
        self._value = QLabel(self)
        for part in (name, self._value):
            part.setTextFormat(Qt.TextFormat.PlainText)
        self._value.setProperty("role", "muted")
        self._label = label
        self.setFixedHeight(22)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 3, 0)  # numbers end where those in fields do
        row.addWidget(name, 1)
        row.addWidget(self._value)
        self.set_tokens(None)

    def set_tokens(self, count: int | None, exact: bool = True) -> None:
        """Show a count; None shows a dash, `exact` False marks an estimate."""
        if count is None:
            text = "-"
        elif not exact and count:
            text = QCoreApplication.translate("Inspector", "about {count} tokens").format(count=count)
        elif count == 1:
            text = QCoreApplication.translate("Inspector", "1 token")
        else:
            text = QCoreApplication.translate("Inspector", "{count} tokens").format(count=count)
        self._value.setText(text)
        self._value.setAccessibleName(f"{self._label}: {text}")

    def text(self) -> str:
        """What is shown at the right."""
        return self._value.text()


class Inspector(QFrame):
    """The fold-away column at the right of a chat.

    Sampling, mode and the system prompt are reported as they change; context size and GPU layers
    only when applied, because they need the model to be loaded again.

    Signals:
        settings_changed(ChatSettings), system_changed(str): 400 ms after the last change.
        reload_requested(ChatSettings): apply these and load the model again.
        prompt_requested: show the exact prompt.
    """

    settings_changed = Signal(object)
    system_changed = Signal(str)
    reload_requested = Signal(object)
    prompt_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "inspector")
        self.setFixedWidth(WIDTH)
        self._theme = theme
        self._settings = ChatSettings()
        self._system = ""
        self._showing = False
        self._build()
        self._save_settings = self._timer(self._report_settings)
        self._save_system = self._timer(self._report_system)
        self._connect()
        self.set_conversation("", self._settings)
        self.set_use(None)

    # -------------------------------------------------------- building

    def _timer(self, fire: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(SAVE_MS)
        timer.timeout.connect(fire)
        return timer

    def _build(self) -> None:
        body = QWidget()
        self._column = QVBoxLayout(body)
        self._column.setContentsMargins(15, 14, 15, 14)
        self._column.setSpacing(4)
        self._build_system()
        self._build_sampling()
        self._build_model()
        self._build_saw()
        self._column.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(body)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 0, 0, 0)
        outer.addWidget(scroll)
        for box in (
            *self.findChildren(QAbstractSpinBox),
            *self.findChildren(QSlider),
            self.mode,
            self.thinking,
        ):
            box.installEventFilter(self)

    def _section(self, title: str) -> QLabel:
        label = QLabel(title)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setProperty("role", "section")
        if self._column.count():
            self._column.addSpacing(8)
        self._column.addWidget(label)
        return label

    def _row(self, label: str, box: QAbstractSpinBox | QComboBox, tip: str) -> ValueRow:
        row = ValueRow(label, box, tip, self)
        self._column.addWidget(row)
        return row

    def _build_system(self) -> None:
        title = self._section(QCoreApplication.translate("Inspector", "System prompt"))
        self.system = PlainEdit(self)
        self.system.setAccessibleName(title.text())
        self.system.setTabChangesFocus(True)
        self.system.setFixedHeight(64)
        self.system.setPlaceholderText(
            QCoreApplication.translate("Inspector", "What the model should be and how it should answer.")
        )
        self._column.addWidget(self.system)

    def _build_sampling(self) -> None:
        self._section(QCoreApplication.translate("Inspector", "Sampling"))
        self.dials = {dial.field: DialRow(dial, self) for dial in DIALS}
        for row in self.dials.values():
            self._column.addWidget(row)
        self.top_k = QSpinBox()
        self.top_k.setRange(0, 1_000_000)
        self.top_k.setSpecialValueText(QCoreApplication.translate("Inspector", "off"))
        self._row(QCoreApplication.translate("Inspector", "Top-k"), self.top_k, _help("top_k"))
        self.seed = SeedBox()
        tip = QCoreApplication.translate("Inspector", "A number repeats the same choices; empty is random.")
        self._row(QCoreApplication.translate("Inspector", "Seed"), self.seed, tip)
        self.max_tokens = QSpinBox()
        self.max_tokens.setRange(0, 1 << 24)
        self.max_tokens.setSingleStep(64)
        self.max_tokens.setSpecialValueText(QCoreApplication.translate("Inspector", "no limit"))
        self._row(QCoreApplication.translate("Inspector", "Max tokens"), self.max_tokens, _help("max_tokens"))
        self.mode = QComboBox()
        self.mode.addItem(QCoreApplication.translate("Inspector", "Fast"), "fast")
        self.mode.addItem(QCoreApplication.translate("Inspector", "Exact"), "exact")
        tip = QCoreApplication.translate(
            "Inspector", "Exact runs alone from an empty cache: the same seed gives the same text."
        )
        self._row(QCoreApplication.translate("Inspector", "Mode"), self.mode, tip)
        self.thinking = QComboBox()
        self.thinking.addItem(QCoreApplication.translate("Inspector", "default"))
        self.thinking.addItem(QCoreApplication.translate("Inspector", "on"))
        self.thinking.addItem(QCoreApplication.translate("Inspector", "off"))
        tip = QCoreApplication.translate("Inspector", "Whether to ask the model to think before it answers.")
        name = QCoreApplication.translate("Inspector", "Thinking")
        self.thinking_row = self._row(name, self.thinking, tip)
        self.thinking_row.hide()
        self._build_penalties()

    def _build_penalties(self) -> None:
        """The rarer values, folded away while none of them does anything."""
        self.more = QPushButton(QCoreApplication.translate("Inspector", "More"))
        self.more.setAccessibleName(QCoreApplication.translate("Inspector", "More sampling values"))
        self.more.setProperty("role", "link")
        self.more.setCheckable(True)
        self.more.setIconSize(QSize(12, 12))
        self._column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        self.penalties = {
            "repeat_penalty": _decimal(0.01, 10.0, 0.05),
            "presence_penalty": _decimal(-10.0, 10.0, 0.05),
            "frequency_penalty": _decimal(-10.0, 10.0, 0.05),
        }
        self._rare = [
            self._row(
                QCoreApplication.translate("Inspector", "Repeat penalty"),
                self.penalties["repeat_penalty"],
                _help("repeat_penalty"),
            ),
            self._row(
                QCoreApplication.translate("Inspector", "Presence penalty"),
                self.penalties["presence_penalty"],
                QCoreApplication.translate(
                    "Inspector", "Makes tokens less likely once they occurred; 0 is off."
                ),
            ),
            self._row(
                QCoreApplication.translate("Inspector", "Frequency penalty"),
                self.penalties["frequency_penalty"],
                QCoreApplication.translate(
                    "Inspector", "Makes tokens less likely the more often they occurred; 0 is off."
                ),
            ),
        ]
        self._show_rare(False)

    def _show_rare(self, shown: bool) -> None:
        self.more.setChecked(shown)
        self.more.setIcon(self._theme.icon("chevron-down" if shown else "chevron-right", "faint"))
        for row in self._rare:
            row.setVisible(shown)

    def _build_model(self) -> None:
        self._section(QCoreApplication.translate("Inspector", "Model"))
        self.context = QSpinBox()
        self.context.setRange(0, MOST_CONTEXT)
        self.context.setSingleStep(1024)
        self.context.setSpecialValueText(QCoreApplication.translate("Inspector", "automatic"))
        name = QCoreApplication.translate("Inspector", "Context size")
        self._row(name, self.context, _help("context_size"))
        self.layers = QSpinBox()
        self.layers.setRange(-1, MOST_LAYERS)
        self.layers.setSpecialValueText(QCoreApplication.translate("Inspector", "automatic"))
        self._row(QCoreApplication.translate("Inspector", "GPU layers"), self.layers, _help("gpu_layers"))
        self.adapters = AdapterList(self._theme, self)
        self._column.addWidget(self.adapters)
        self.reload_note = QLabel(
            QCoreApplication.translate("Inspector", "Takes effect when the model is loaded again."), self
        )
        self.reload_note.setTextFormat(Qt.TextFormat.PlainText)
        self.reload_note.setWordWrap(True)
        self.reload_note.setProperty("role", "fact")
        self._column.addWidget(self.reload_note)
        self.reload = QPushButton(QCoreApplication.translate("Inspector", "Apply and reload"), self)
        self.reload.setAccessibleName(
            QCoreApplication.translate("Inspector", "Apply context size and GPU layers and reload the model")
        )
        self._column.addWidget(self.reload)

    def _build_saw(self) -> None:
        self._section(QCoreApplication.translate("Inspector", "What the model saw"))
        self.system_tokens = FactRow(QCoreApplication.translate("Inspector", "System"), self)
        self.conversation_tokens = FactRow(QCoreApplication.translate("Inspector", "Conversation"), self)
        self.draft_tokens = FactRow(QCoreApplication.translate("Inspector", "Draft"), self)
        self.marks_tokens = FactRow(QCoreApplication.translate("Inspector", "Template marks"), self)
        for row in self._facts():
            self._column.addWidget(row)
        self._column.addSpacing(4)
        self.prompt = QPushButton(QCoreApplication.translate("Inspector", "Show exact prompt"), self)
        self.prompt.setAccessibleName(self.prompt.text())
        self._column.addWidget(self.prompt)

    def _facts(self) -> tuple[FactRow, ...]:
        return (
            self.system_tokens,
            self.conversation_tokens,
            self.draft_tokens,
            self.marks_tokens,
        )

    def _connect(self) -> None:
        self.system.textChanged.connect(self._system_edited)
        for row in self.dials.values():
            row.changed.connect(self._edited)
        for box in (self.top_k, self.seed, self.max_tokens):
            box.valueChanged.connect(self._edited)
        for penalty in self.penalties.values():
            penalty.valueChanged.connect(self._edited)
        for choice in (self.mode, self.thinking):
            choice.currentIndexChanged.connect(self._edited)
        self.adapters.changed.connect(self._edited)
        self.more.toggled.connect(self._show_rare)
        self.context.valueChanged.connect(self._show_pending)
        self.layers.valueChanged.connect(self._show_pending)
        self.reload.clicked.connect(self._apply)
        self.prompt.clicked.connect(self.prompt_requested)

    # -------------------------------------------------------- for the panel

    def set_conversation(self, system: str, settings: ChatSettings) -> None:
        """Show a conversation's values; a change that was not yet reported is dropped."""
        self._save_system.stop()
        self._save_settings.stop()
        self._settings, self._system = settings, system
        self._showing = True
        if self.system.toPlainText() != system:
            self.system.setPlainText(system)
        for field, row in self.dials.items():
            row.set_value(getattr(settings.sampling, field))
        self.top_k.setValue(settings.sampling.top_k)
        for field, box in self.penalties.items():
            box.setValue(getattr(settings.sampling, field))
        self._show_rare(any(getattr(settings.sampling, f) != getattr(Sampling(), f) for f in self.penalties))
        self.seed.setValue(-1 if settings.sampling.seed is None else settings.sampling.seed)
        self.max_tokens.setValue(settings.max_tokens)
        self.mode.setCurrentIndex(max(0, self.mode.findData(settings.mode)))
        self.thinking.setCurrentIndex(THINKING.index(settings.thinking))
        self.context.setValue(settings.context_size)
        self.layers.setValue(settings.gpu_layers)
        self.adapters.set_adapters(settings.adapters)
        self._showing = False
        self._show_pending()

    def set_limits(self, context_length: int, layers: int = 0, *, thinks: bool = False) -> None:
        """The largest context the model was made for, and its layers, 0 where unknown; whether it thinks."""
        self.thinking_row.setVisible(thinks)
        self._showing = True
        self.context.setMaximum(max(64, context_length or MOST_CONTEXT, self._settings.context_size))
        self.layers.setMaximum(max(layers or MOST_LAYERS, self._settings.gpu_layers))
        self._showing = False

    def set_use(self, use: ContextUse | None) -> None:
        """Show the tokens of each part of what the model would see."""
        if use is None:
            for row in self._facts():
                row.set_tokens(None)
            return
        self.system_tokens.set_tokens(use.system, use.exact)
        self.conversation_tokens.set_tokens(use.conversation, use.exact)
        self.draft_tokens.set_tokens(use.draft, use.exact)
        self.marks_tokens.set_tokens(use.marks, use.exact)

    def set_prompt_enabled(self, enabled: bool) -> None:
        """Whether there is a prompt to show."""
        self.prompt.setEnabled(enabled)

    def settings(self) -> ChatSettings:
        """What is shown, with the context size and GPU layers that were last applied."""
        sampling = msgspec.structs.replace(
            self._settings.sampling,
            top_k=self.top_k.value(),
            seed=None if self.seed.value() < 0 else self.seed.value(),
            **{field: self._kept(field, row.value()) for field, row in self.dials.items()},
            **{field: self._kept(field, box.value()) for field, box in self.penalties.items()},
        )
        mode: Literal["fast", "exact"] = "exact" if self.mode.currentData() == "exact" else "fast"
        return replace(
            self._settings,
            sampling=sampling,
            max_tokens=self.max_tokens.value(),
            mode=mode,
            thinking=THINKING[self.thinking.currentIndex()],
            adapters=self.adapters.adapters,
        )

    def flush(self) -> None:
        """Report changes that are waiting, at once."""
        for box in self.findChildren(QAbstractSpinBox):
            box.interpretText()
        if self._save_system.isActive():
            self._report_system()
        if self._save_settings.isActive():
            self._report_settings()

    # -------------------------------------------------------- inside

    def _kept(self, field: str, shown: float) -> float:
        """The shown value, or the kept one when that has more decimals than the box can show."""
        kept: float = getattr(self._settings.sampling, field)
        return kept if round(kept, 2) == round(shown, 2) else round(shown, 2)

    def _pending(self) -> ChatSettings:
        return replace(self.settings(), context_size=self.context.value(), gpu_layers=self.layers.value())

    def _edited(self) -> None:
        if not self._showing:
            self._save_settings.start()

    def _system_edited(self) -> None:
        if not self._showing:
            self._save_system.start()

    def _report_settings(self) -> None:
        self._save_settings.stop()
        settings = self.settings()
        if settings != self._settings:
            self._settings = settings
            self.settings_changed.emit(settings)

    def _report_system(self) -> None:
        self._save_system.stop()
        text = self.system.toPlainText()
        if text != self._system:
            self._system = text
            self.system_changed.emit(text)

    def _show_pending(self) -> None:
        if self._showing:
            return
        changed = (self.context.value(), self.layers.value()) != (
            self._settings.context_size,
            self._settings.gpu_layers,
        )
        self.reload_note.setVisible(changed)
        self.reload.setVisible(changed)

    def _apply(self) -> None:
        self._settings = self._pending()
        self._save_settings.stop()
        self._show_pending()
        self.reload_requested.emit(self._settings)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The wheel scrolls the column; it changes a value only when that has the keyboard."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)
