"""What is wanted of a task: a row of choosers with the primary button, and a person's own instruction."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.theme import Theme
from desktop.ui.widgets.buttons import tool_button
from desktop.ui.widgets.chooser import Chooser
from desktop.ui.widgets.flow import FlowLayout
from desktop.ui.widgets.name_dialog import NameDialog
from desktop.workbench.store.records import OwnPrompt

CUSTOM = "custom"
LONGEST_INSTRUCTION = 4_000
_OWN = "own:"


class Kind(NamedTuple):
    """Something that can be done with a text: its id, what it is called, and what that means."""

    id: str
    name: str
    help: str


@dataclass(frozen=True)
class ChoiceWords:
    """What a row of choices says, translated.

    Attributes:
        what: the name of the chooser of kinds. start: of the primary button.
        example: stands in the field for an instruction. forget: of the button beside it.
        question: what an instruction is to be called.
    """

    what: str
    start: str
    example: str
    forget: str
    question: str


class TaskChoices(QWidget):
    """The choices of a panel; the instruction of a kind of the person's own below.

    Attributes:
        what: the chooser of what is to be done. start: the primary button.
        instruction: the field for a person's own; save, forget: its buttons; own_row: all of these.
    Signals:
        start_requested, stop_requested: the primary button was pressed.
        save_requested(str name, str instruction, str id): keep an instruction; `id` of the one to change.
        forget_requested(str id): forget an instruction of the person's own.
    """

    start_requested = Signal()
    stop_requested = Signal()
    save_requested = Signal(str, str, str)
    forget_requested = Signal(str)

    def __init__(
        self, theme: Theme, words: ChoiceWords, kinds: Sequence[Kind], parent: QWidget | None = None
    ) -> None:
        """`kinds`: what is offered in this order; the one with the id `CUSTOM` comes last."""
        super().__init__(parent)
        self._theme, self._words = theme, words
        self._kinds = [kind for kind in kinds if kind.id != CUSTOM]
        self._custom = next(kind for kind in kinds if kind.id == CUSTOM)
        self._own: list[OwnPrompt] = []
        self._running = False
        self.what = Chooser(words.what)
        self._fill()
        self.what.fit(count=self.what.count())
        self.what.activated.connect(self._activated)
        self.start = QPushButton()
        self.start.setProperty("role", "primary")
        self.start.clicked.connect(self._pressed)
        self._build_instruction()
        self.set_running(False)

    # ------------------------------------------------------------ building

    def _build_instruction(self) -> None:
        self.instruction = QLineEdit()
        self.instruction.setMaxLength(LONGEST_INSTRUCTION)
        self.instruction.setPlaceholderText(self._words.example)
        self.instruction.setAccessibleName(QCoreApplication.translate("Task", "Instruction"))
        self.instruction.textChanged.connect(lambda _: self._show_save())
        self.instruction.returnPressed.connect(self._entered)
        self.save = QPushButton()
        self.save.clicked.connect(self._save)
        self.forget = tool_button(self._theme, "trash", self._words.forget)
        self.forget.clicked.connect(lambda: self.forget_requested.emit(self._own_id()))
        self.own_row = QWidget()
        row = QHBoxLayout(self.own_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.instruction, 1)
        row.addWidget(self.save)
        row.addWidget(self.forget)

    def _lay_out(self, choosers: Sequence[QWidget]) -> None:
        """Put these beside the primary button, in as many rows as they need."""
        choices = QWidget()
        flow = FlowLayout(choices)
        for chooser in choosers:
            flow.addWidget(chooser)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        choices.setSizePolicy(policy)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(choices, 1)
        row.addWidget(self.start, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(row)
        column.addWidget(self.own_row)

    # ------------------------------------------------------------ what is to be done

    def _fill(self) -> None:
        kept = self.what.currentData()
        self.what.clear()
        for kind in self._kinds:
            self.what.addItem(kind.name, kind.id)
            self.what.setItemData(self.what.count() - 1, kind.help, Qt.ItemDataRole.ToolTipRole)
        if self._own:
            self.what.insertSeparator(self.what.count())
            for prompt in self._own:
                self.what.addItem(" ".join(prompt.name.split()), f"{_OWN}{prompt.id}")
        self.what.insertSeparator(self.what.count())
        self.what.addItem(self._custom.name, CUSTOM)
        self.what.setCurrentIndex(max(0, self.what.findData(kept)) if kept else 0)

    def set_own(self, prompts: Sequence[OwnPrompt], chosen: str = "") -> None:
        """Offer these instructions of the person's own; `chosen` is the id of the one to turn to."""
        self._own = list(prompts)
        before = self.what.currentData()
        self._fill()
        if chosen:
            self.choose(f"{_OWN}{chosen}")
        elif self.what.currentData() != before:
            self.choose(CUSTOM)

    def choose(self, key: str) -> None:
        """Turn to what is to be done; nothing happens when that is not offered."""
        index = self.what.findData(key)
        if index >= 0:
            self.what.setCurrentIndex(index)
            self._chosen()

    def _choose_for(self, id: str, instruction: str) -> None:
        """Turn to what was done in a run; its instruction may be kept as one of the person's own."""
        mine = next((prompt.id for prompt in self._own if prompt.instruction == instruction), "")
        if id == CUSTOM:
            self.instruction.setText(instruction)
        self.choose(f"{_OWN}{mine}" if id == CUSTOM and mine else id)

    @property
    def key(self) -> str:
        """The id of what is to be done; `CUSTOM` for an instruction, the person's own ones included."""
        return CUSTOM if self._own_id() else str(self.what.currentData())

    def _own_id(self) -> str:
        key = str(self.what.currentData() or "")
        return key.removeprefix(_OWN) if key.startswith(_OWN) else ""

    def _own_prompt(self) -> OwnPrompt | None:
        own = self._own_id()
        return next((prompt for prompt in self._own if prompt.id == own), None)

    def _activated(self) -> None:
        self._chosen()
        if self.what.currentData() == CUSTOM:
            self.instruction.setFocus()

    def _chosen(self) -> None:
        """Show what belongs to the choice."""
        prompt = self._own_prompt()
        if prompt is not None:
            self.instruction.setText(prompt.instruction)
            self.instruction.setCursorPosition(0)
        self.own_row.setVisible(self._takes_instruction())
        self.forget.setVisible(prompt is not None)
        keep = QCoreApplication.translate("Task", "Keep the change")
        new = QCoreApplication.translate("Task", "Save as my own…")
        self.save.setText(new if prompt is None else keep)
        self.save.setAccessibleName(self.save.text())
        self._show_save()

    def _takes_instruction(self) -> bool:
        return self.key == CUSTOM

    def _instruction(self) -> str:
        """What the person says is to be done; "" where something else was chosen."""
        return self.instruction.text().strip() if self.key == CUSTOM else ""

    def _show_save(self) -> None:
        prompt, text = self._own_prompt(), self.instruction.text().strip()
        self.save.setEnabled(bool(text) and (prompt is None or text != prompt.instruction))

    def _entered(self) -> None:
        if not self._running:
            self.start_requested.emit()

    def _save(self) -> None:
        prompt, text = self._own_prompt(), self.instruction.text().strip()
        if prompt is not None:
            self.save_requested.emit(prompt.name, text, prompt.id)
            return
        title = QCoreApplication.translate("Task", "Save as my own")
        dialog = NameDialog(title, self._words.question, " ".join(text.split()[:4])[:40], self)
        dialog.named.connect(lambda name: self.save_requested.emit(name, text, ""))
        dialog.open()

    # ------------------------------------------------------------ for the panel

    def set_running(self, running: bool) -> None:
        """The primary button starts, or stops what runs."""
        self._running = running
        words, tip = self._words.start, QCoreApplication.translate("Task", "Ctrl+Enter")
        if running:
            words = QCoreApplication.translate("Task", "Stop")
            tip = QCoreApplication.translate("Task", "What is finished is kept (Esc)")
        self.start.setText(words)
        self.start.setToolTip(tip)
        self.start.setAccessibleName(words)

    def _pressed(self) -> None:
        (self.stop_requested if self._running else self.start_requested).emit()

    def is_ready(self) -> bool:
        """Whether everything is said that has to be; the keyboard goes to what is missing."""
        if self._takes_instruction() and not self.instruction.text().strip():
            self.instruction.setFocus()
            return False
        return True

    @abstractmethod
    def options(self) -> Any:
        """What was chosen, as the task wants it."""

    @abstractmethod
    def show_values(self, values: Mapping[str, Any]) -> None:
        """Choose what was chosen for a run: the plain values of its options."""
