"""What is wanted of a summary: the row of choices of the Summarize panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.actions import QT_TRANSLATE_NOOP
from desktop.ui.theme import Theme
from desktop.ui.widgets.chooser import Chooser
from desktop.ui.widgets.flow import FlowLayout
from desktop.ui.widgets.labels import plain_label
from desktop.workbench import language
from desktop.workbench.store.records import OwnPrompt

if TYPE_CHECKING:
    from desktop.workbench.summarize import SummaryOptions

CUSTOM = "custom"
LONGEST_INSTRUCTION = 4_000

KINDS = {
    "abstract": QT_TRANSLATE_NOOP("Summary", "Abstract"),
    "key_points": QT_TRANSLATE_NOOP("Summary", "Key points"),
    "one_line": QT_TRANSLATE_NOOP("Summary", "One line"),
    "table": QT_TRANSLATE_NOOP("Summary", "Table"),
    "actions": QT_TRANSLATE_NOOP("Summary", "Actions and decisions"),
    "outline": QT_TRANSLATE_NOOP("Summary", "Outline"),
    "questions": QT_TRANSLATE_NOOP("Summary", "Questions and answers"),
    CUSTOM: QT_TRANSLATE_NOOP("Summary", "Own instruction…"),
}
"""What the kinds are called; one that is not here by the name in its file."""
LENGTHS = {
    "short": QT_TRANSLATE_NOOP("Summary", "Short"),
    "medium": QT_TRANSLATE_NOOP("Summary", "Medium length"),
    "long": QT_TRANSLATE_NOOP("Summary", "Long"),
}
READERS = (
    QT_TRANSLATE_NOOP("Summary", "experts"),
    QT_TRANSLATE_NOOP("Summary", "beginners"),
    QT_TRANSLATE_NOOP("Summary", "managers"),
    QT_TRANSLATE_NOOP("Summary", "my team"),
    QT_TRANSLATE_NOOP("Summary", "customers"),
    QT_TRANSLATE_NOOP("Summary", "children"),
)


def kind_name(id: str) -> str:
    """What a kind of summary is called."""
    from desktop.workbench.summarize import KINDS as known

    word = KINDS.get(id) or (known[id].label if id in known else id)
    return QCoreApplication.translate("Summary", word)


def options_name(options: Mapping[str, Any]) -> str:
    """What a run is told by in the list: its kind, or that it quotes."""
    if options.get("extractive"):
        return QCoreApplication.translate("Summary", "Sentences")
    return kind_name(str(options.get("kind") or "abstract")).rstrip("…")


class SummaryChoices(QWidget):
    """Words or sentences, kind, length, language, readers; the instruction of a person's own kind below.

    Attributes:
        wording, kind, length, language, reader, together: the choosers. start: the primary button.
        instruction: the field for what is to be done with the text.
    Signals:
        start_requested, stop_requested: the primary button was pressed.
        save_requested(str name, str instruction, str id): keep an instruction; `id` of the one to change.
        forget_requested(str id): forget an instruction of the person's own.
    """

    start_requested = Signal()
    stop_requested = Signal()
    save_requested = Signal(str, str, str)
    forget_requested = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._own: list[OwnPrompt] = []
        self._running = False
        self._several = False
        self._build()
        self._lay_out()
        self._chosen()

    # ------------------------------------------------------------ building

    def _build(self) -> None:
        self.wording = Chooser(
            QCoreApplication.translate("Summary", "New words, or the most telling sentences of the text")
        )
        self.wording.addItem(QCoreApplication.translate("Summary", "In new words"), False)
        self.wording.addItem(QCoreApplication.translate("Summary", "In its own sentences"), True)
        self.kind = Chooser(QCoreApplication.translate("Summary", "Kind of summary"))
        self._fill_kinds()
        self.length = Chooser(QCoreApplication.translate("Summary", "Length"))
        for key, word in LENGTHS.items():
            self.length.addItem(QCoreApplication.translate("Summary", word), key)
        self.length.setCurrentIndex(1)
        self.language = Chooser(QCoreApplication.translate("Summary", "Language of the result"))
        self.language.addItem(QCoreApplication.translate("Summary", "Language of the text"), "")
        for code, names in language.NAMES.items():
            self.language.addItem(names.own, code)
        self.reader = Chooser(QCoreApplication.translate("Summary", "For whom it is"))
        self.reader.setEditable(True)
        self.reader.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        for word in READERS:
            self.reader.addItem(QCoreApplication.translate("Summary", word))
        self.reader.setCurrentIndex(-1)
        field = QLineEdit()
        field.setProperty("role", "bare")
        self.reader.setLineEdit(field)
        field.setPlaceholderText(QCoreApplication.translate("Summary", "For whom?"))
        field.setAccessibleName(self.reader.accessibleName())
        field.setMaxLength(200)
        self.together = Chooser(QCoreApplication.translate("Summary", "Several texts"))
        self.together.addItem(QCoreApplication.translate("Summary", "One summary each"), False)
        self.together.addItem(QCoreApplication.translate("Summary", "One over all"), True)
        for chooser in (self.wording, self.kind):
            chooser.activated.connect(self._chosen)
        self.kind.activated.connect(self._kind_chosen)
        self.start = QPushButton()
        self.start.setProperty("role", "primary")
        self.start.clicked.connect(
            lambda: (self.stop_requested if self._running else self.start_requested).emit()
        )
        self._build_instruction()
        self._fit()
        self.set_running(False)

    def _fit(self) -> None:
        """Each as wide as the longest of what it offers.

        Of languages only the first is measured: all of them would have fonts of every script looked for.
        """
        for chooser in (self.wording, self.kind, self.length, self.together):
            chooser.fit(count=len(KINDS) + 1)
        self.language.fit(count=1)
        self.reader.fit(QCoreApplication.translate("Summary", "For whom?") + "   ")

    def _build_instruction(self) -> None:
        self.instruction = QLineEdit()
        self.instruction.setMaxLength(LONGEST_INSTRUCTION)
        self.instruction.setPlaceholderText(
            QCoreApplication.translate(
                "Summary",
                "What is to be done with the text, such as “List all amounts and what they are for”",
            )
        )
        self.instruction.setAccessibleName(QCoreApplication.translate("Summary", "Instruction"))
        self.instruction.textChanged.connect(lambda _: self._show_buttons())
        self.instruction.returnPressed.connect(self._entered)
        self.save = QPushButton()
        self.save.clicked.connect(self._save)
        words = QCoreApplication.translate("Summary", "Forget this instruction of my own")
        self.forget = QToolButton()
        self.forget.setProperty("role", "quiet")
        self.forget.setIcon(self._theme.icon("trash", "muted"))
        self.forget.setIconSize(QSize(16, 16))
        self.forget.setToolTip(words)
        self.forget.setAccessibleName(words)
        self.forget.clicked.connect(lambda: self.forget_requested.emit(self._own_id()))
        self.own_row = QWidget()
        row = QHBoxLayout(self.own_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.instruction, 1)
        row.addWidget(self.save)
        row.addWidget(self.forget)

    def _lay_out(self) -> None:
        choices = QWidget()
        flow = FlowLayout(choices)
        for chooser in (self.wording, self.kind, self.length, self.language, self.reader, self.together):
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

    # ------------------------------------------------------------ kinds

    def _fill_kinds(self) -> None:
        from desktop.workbench.summarize import KINDS as known

        kept = self.kind.currentData()
        self.kind.clear()
        for id, kind in known.items():
            if id != CUSTOM:
                self.kind.addItem(kind_name(id), id)
                self.kind.setItemData(
                    self.kind.count() - 1,
                    QCoreApplication.translate("Summary", kind.help),
                    Qt.ItemDataRole.ToolTipRole,
                )
        if self._own:
            self.kind.insertSeparator(self.kind.count())
            for prompt in self._own:
                self.kind.addItem(" ".join(prompt.name.split()), f"own:{prompt.id}")
        self.kind.insertSeparator(self.kind.count())
        self.kind.addItem(kind_name(CUSTOM), CUSTOM)
        self.kind.setCurrentIndex(max(0, self.kind.findData(kept)))

    def set_own(self, prompts: Sequence[OwnPrompt], chosen: str = "") -> None:
        """Offer these instructions of the person's own; `chosen` is the id of the one to turn to."""
        self._own = list(prompts)
        before = self.kind.currentData()
        self._fill_kinds()
        if chosen:
            self._choose_kind(f"own:{chosen}")
        elif self.kind.currentData() != before:
            self._choose_kind(CUSTOM)

    def _choose_kind(self, key: str) -> None:
        index = self.kind.findData(key)
        if index >= 0:
            self.kind.setCurrentIndex(index)
            self._chosen()

    def _own_id(self) -> str:
        key = str(self.kind.currentData() or "")
        return key.removeprefix("own:") if key.startswith("own:") else ""

    def _own_prompt(self) -> OwnPrompt | None:
        own = self._own_id()
        return next((prompt for prompt in self._own if prompt.id == own), None)

    def _kind_chosen(self) -> None:
        prompt = self._own_prompt()
        if prompt is not None:
            self.instruction.setText(prompt.instruction)
            self.instruction.setCursorPosition(0)
        if self.kind.currentData() == CUSTOM:
            self.instruction.setFocus()

    def _chosen(self) -> None:
        """Show what belongs to the choice: quoted sentences have no kind, language or reader."""
        quoting, prompt = bool(self.wording.currentData()), self._own_prompt()
        for chooser in (self.kind, self.language, self.reader):
            chooser.setVisible(not quoting)
        self.together.setVisible(self._several)
        own = self.kind.currentData() == CUSTOM or prompt is not None
        self.own_row.setVisible(own and not quoting)
        self.forget.setVisible(prompt is not None)
        self.save.setText(
            QCoreApplication.translate("Summary", "Keep the change")
            if prompt is not None
            else QCoreApplication.translate("Summary", "Save as my own…")
        )
        self.save.setAccessibleName(self.save.text())
        self._show_buttons()

    def _show_buttons(self) -> None:
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
        dialog = NameDialog(" ".join(text.split()[:4])[:40], self)
        dialog.named.connect(lambda name: self.save_requested.emit(name, text, ""))
        dialog.open()

    # ------------------------------------------------------------ as a whole

    def set_several(self, several: bool) -> None:
        """Whether there are several texts, for which there can be one summary each or one over all."""
        self._several = several
        self.together.setVisible(several)

    def set_running(self, running: bool) -> None:
        """The primary button starts, or stops what runs."""
        self._running = running
        if running:
            words = QCoreApplication.translate("Summary", "Stop")
            tip = QCoreApplication.translate("Summary", "What is finished is kept (Esc)")
        else:
            words = QCoreApplication.translate("Summary", "Summarize")
            tip = QCoreApplication.translate("Summary", "Ctrl+Enter")
        self.start.setText(words)
        self.start.setToolTip(tip)
        self.start.setAccessibleName(words)

    def is_ready(self) -> bool:
        """Whether everything is said that has to be; the keyboard goes to what is missing."""
        if self.own_row.isVisibleTo(self) and not self.instruction.text().strip():
            self.instruction.setFocus()
            return False
        return True

    def options(self) -> SummaryOptions:
        """What was chosen."""
        from desktop.workbench.summarize import SummaryOptions

        quoting = bool(self.wording.currentData())
        key = str(self.kind.currentData())
        own = key == CUSTOM or bool(self._own_id())
        return SummaryOptions(
            kind=CUSTOM if own else key,
            length=self.length.currentData(),
            language="" if quoting else str(self.language.currentData()),
            audience="" if quoting else self.reader.currentText().strip(),
            instruction=self.instruction.text().strip() if own else "",
            extractive=quoting,
            together=self._several and bool(self.together.currentData()),
        )

    def show_options(self, options: SummaryOptions) -> None:
        """Choose what was chosen for a run."""
        self.wording.setCurrentIndex(int(options.extractive))
        mine = next((p.id for p in self._own if p.instruction == options.instruction), "")
        if options.kind == CUSTOM:
            self.instruction.setText(options.instruction)
        self._choose_kind(f"own:{mine}" if options.kind == CUSTOM and mine else options.kind)
        self.length.setCurrentIndex(max(0, self.length.findData(options.length)))
        self.language.setCurrentIndex(max(0, self.language.findData(options.language)))
        self.reader.setCurrentIndex(-1)
        self.reader.setEditText(options.audience)
        self.together.setCurrentIndex(int(options.together))
        self._chosen()


class NameDialog(QDialog):
    """Asks what an instruction of the person's own is called.

    Signals:
        named(str)
    """

    named = Signal(str)

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(QCoreApplication.translate("Summary", "Save as my own"))
        label = plain_label("", QCoreApplication.translate("Summary", "What is this kind of summary called?"))
        self.field = QLineEdit(name)
        self.field.setMaxLength(60)
        self.field.setAccessibleName(label.text())
        self.field.selectAll()
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        self.save = buttons.button(QDialogButtonBox.StandardButton.Save)
        self.save.setProperty("role", "primary")
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        self.field.textChanged.connect(lambda text: self.save.setEnabled(bool(text.strip())))
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addWidget(label)
        column.addWidget(self.field)
        column.addWidget(buttons)
        self.setMinimumWidth(360)

    def _accept(self) -> None:
        name = " ".join(self.field.text().split())
        if name:
            self.named.emit(name)
            self.accept()
