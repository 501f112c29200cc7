"""The memory plan of a model: what it needs where, whether that fits, and what to change when it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QLocale, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop.ui.actions import QT_TRANSLATE_NOOP
from desktop.ui.notices import error_text
from desktop.ui.theme import Theme
from desktop.ui.widgets.facts import verdict_word
from desktop.ui.widgets.labels import plain_label, set_role
from desktop.ui.widgets.memory_bar import MemoryBar

if TYPE_CHECKING:
    from desktop.workbench.collection import ModelEntry
    from models.fit import Plan

CONTEXTS = (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144)
KV_TYPES = ("f16", "q8_0", "q4_0")

PARTS: dict[str, str] = {
    "weights": QT_TRANSLATE_NOOP("Plan", "weights"),
    "kv": QT_TRANSLATE_NOOP("Plan", "context"),
    "compute": QT_TRANSLATE_NOOP("Plan", "computing"),
    "mmproj": QT_TRANSLATE_NOOP("Plan", "image part"),
    "states": QT_TRANSLATE_NOOP("Plan", "kept conversations"),
    "process": QT_TRANSLATE_NOOP("Plan", "its process"),
}


class PlanView(QWidget):
    """Two choices, one bar a memory, and the verdict in words.

    Signals:
        changed: another context or type is asked about; `wish` tells which.
        kept(dict): these settings are to be the model's own.
    """

    changed = Signal()
    kept = Signal(dict)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown = ""
        self._settings: dict[str, Any] = {}
        self.context, self.kv_type = QComboBox(), QComboBox()
        self.context.setAccessibleName(QCoreApplication.translate("Plan", "Context to plan for"))
        self.kv_type.setAccessibleName(QCoreApplication.translate("Plan", "Cache precision to plan for"))
        self.context.activated.connect(lambda _: self._asked())
        self.kv_type.activated.connect(lambda _: self._asked())
        for kind in KV_TYPES:
            self.kv_type.addItem(kind, kind)
        self.verdict, self.reason = plain_label("good"), plain_label("fact")
        self.reason.setWordWrap(True)
        self.keep = QPushButton(QCoreApplication.translate("Plan", "Use these settings for this model"))
        self.keep.setProperty("role", "link")
        self.keep.clicked.connect(lambda: self.kept.emit(self._wished()))
        self.bars: list[MemoryBar] = []
        choices = QHBoxLayout()
        choices.setSpacing(8)
        choices.addWidget(self.context, 1)
        choices.addWidget(self.kv_type)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(choices)
        column.addWidget(self.verdict)
        column.addLayout(self._rows)
        column.addWidget(self.reason)
        column.addWidget(self.keep, 0, Qt.AlignmentFlag.AlignLeft)
        self.clear()

    def begin(self, entry: ModelEntry, settings: dict[str, Any]) -> None:
        """Ask about a model, starting with how it would be loaded now."""
        self._shown = entry.model.id
        self._settings = settings
        longest = entry.model.context_length or CONTEXTS[-1]
        now = min(longest, settings["context_size"])
        sizes = sorted({*(size for size in CONTEXTS if size <= longest), now} - {0})
        self.context.clear()
        self.context.addItem(QCoreApplication.translate("Plan", "automatic context"), 0)
        words = QCoreApplication.translate("Plan", "{n} tokens of context")
        for size in sizes:
            self.context.addItem(words.format(n=QLocale().toString(size)), size)
        self.context.setCurrentIndex(self.context.findData(now))
        self.kv_type.setCurrentIndex(max(0, self.kv_type.findData(settings["kv_type"])))
        self.keep.hide()

    def wish(self) -> dict[str, Any]:
        """The settings to plan for, where they differ from the model's."""
        return {key: value for key, value in self._wished().items() if value != self._settings.get(key)}

    def clear(self) -> None:
        """Show no plan."""
        self.verdict.setText("")
        self.reason.setText("")
        self.keep.hide()
        self._show_bars(0)

    def show_plan(self, id: str, plan: Plan, largest: int = 0) -> None:
        """Show the plan of the model that is asked about; one of another model comes too late.

        `largest`: tokens of the largest context that would fit, when this one does not; 0 for none.
        """
        if id != self._shown:
            return
        self.verdict.setText(verdict_text(plan))
        set_role(self.verdict, {"fits": "good", "too_big": "bad"}.get(plan.verdict, "muted"))
        needs = [plan.host, *plan.gpus]
        self._show_bars(len(needs))
        for bar, need in zip(self.bars, needs, strict=False):
            parts = [(_part(key), size) for key, size in need.parts]
            bar.show_parts(need.device or QCoreApplication.translate("Plan", "RAM"), parts, need.available)
        self.reason.setText(reason_text(plan, largest))
        self.reason.setVisible(bool(self.reason.text()))

    def _show_bars(self, count: int) -> None:
        while len(self.bars) < count:
            bar = MemoryBar(self._theme)
            self._rows.addWidget(bar)
            self.bars.append(bar)
        for place, bar in enumerate(self.bars):
            bar.setVisible(place < count)

    def _wished(self) -> dict[str, Any]:
        return {"context_size": self.context.currentData(), "kv_type": self.kv_type.currentData()}

    def _asked(self) -> None:
        self.keep.setVisible(bool(self.wish()))
        self.changed.emit()


def verdict_text(plan: Plan) -> str:
    """Whether it fits, with which context, and how much of it runs on the GPU."""
    context = QCoreApplication.translate("Plan", "{n} tokens of context")
    words = [verdict_word(plan.verdict), context.format(n=QLocale().toString(plan.context_size))]
    if plan.gpus:
        layers = QCoreApplication.translate("Plan", "{some} of {all} layers on the GPU")
        words.append(layers.format(some=plan.gpu_layers, all=plan.layers))
    return " · ".join(words)


def reason_text(plan: Plan, largest: int) -> str:
    """What to change when it does not fit; "" when it does."""
    if plan.verdict == "too_big" and largest:
        words = QCoreApplication.translate("Plan", "It fits with a context of {n} tokens.")
        return words.format(n=QLocale().toString(largest))
    if plan.problem is not None:
        return error_text(plan.problem)[1]
    if plan.verdict == "partly":
        return QCoreApplication.translate("Plan", "What does not fit on the GPU is left to the processor.")
    return ""


def _part(key: str) -> str:
    word = PARTS[key]
    return QCoreApplication.translate("Plan", word)
