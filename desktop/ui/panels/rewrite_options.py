"""What is to be done with a text: the row of choices of the Rewrite panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
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
from desktop.ui.widgets.flow import FlowLayout
from desktop.ui.widgets.name_dialog import NameDialog
from desktop.ui.widgets.word_list import WordList
from desktop.workbench import language
from desktop.workbench.store.records import OwnPrompt

if TYPE_CHECKING:
    from desktop.workbench.rewrite import RewriteOptions

CUSTOM, TRANSLATE = "custom", "translate"
LONGEST_INSTRUCTION = 4_000

TASKS = {
    "correct": QT_TRANSLATE_NOOP("Rewrite", "Correct spelling and grammar"),
    "improve": QT_TRANSLATE_NOOP("Rewrite", "Improve the writing"),
    "shorten": QT_TRANSLATE_NOOP("Rewrite", "Shorten"),
    "expand": QT_TRANSLATE_NOOP("Rewrite", "Expand"),
    "simplify": QT_TRANSLATE_NOOP("Rewrite", "Simplify"),
    "formal": QT_TRANSLATE_NOOP("Rewrite", "Make formal"),
    "friendly": QT_TRANSLATE_NOOP("Rewrite", "Make friendly"),
    "persuasive": QT_TRANSLATE_NOOP("Rewrite", "Make persuasive"),
    "bullets": QT_TRANSLATE_NOOP("Rewrite", "Bullet points"),
    TRANSLATE: QT_TRANSLATE_NOOP("Rewrite", "Translate"),
    CUSTOM: QT_TRANSLATE_NOOP("Rewrite", "Own instruction…"),
}
"""What the tasks are called; one that is not here by the name in its file."""


def task_name(id: str) -> str:
    """What a task is called."""
    from desktop.workbench.rewrite import TASKS as known

    word = TASKS.get(id) or (known[id].label if id in known else id)
    return QCoreApplication.translate("Rewrite", word)


class RewriteChoices(QWidget):
    """Task, languages, alternatives and words; the instruction of a task of the person's own below.

    Attributes:
        task, origin, target, alternatives: the choosers. swap: the other way round.
        words: opens the list of words. start: the primary button. instruction: the field.
        detected: the language that the text is in; "" while that is not known.
    Signals:
        start_requested, stop_requested: the primary button was pressed.
        swap_requested: translate the other way round.
        save_requested(str name, str instruction, str id): keep an instruction; `id` of the one to change.
        forget_requested(str id): forget an instruction of the person's own.
        task_changed: another task was chosen.
    """

    start_requested = Signal()
    stop_requested = Signal()
    swap_requested = Signal()
    save_requested = Signal(str, str, str)
    forget_requested = Signal(str)
    task_changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._own: list[OwnPrompt] = []
        self._protected: tuple[str, ...] = ()
        self._glossary: tuple[tuple[str, str], ...] = ()
        self.detected = ""
        self._running = False
        self._build()
        self._lay_out()
        self._task_changed()

    # ------------------------------------------------------------ building

    def _build(self) -> None:
        tr = QCoreApplication.translate
        self.task = self._chooser(tr("Rewrite", "What to do"))
        self._fill_tasks()
        self.task.activated.connect(lambda _: self._task_changed(focus=True))
        self.origin = self._chooser(tr("Rewrite", "Language of the text"))
        self.origin.addItem("", "")
        self.swap = self._tool("swap", tr("Rewrite", "Translate the other way round"))
        self.swap.clicked.connect(self.swap_requested)
        self.target = self._chooser(tr("Rewrite", "Language of the result"))
        for code, names in language.NAMES.items():
            self.origin.addItem(names.own, code)
            self.target.addItem(names.own, code)
        for chooser, length in ((self.origin, 10), (self.target, 8)):
            # Not by its contents: fonts of all scripts would be looked for to measure them.
            chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            chooser.setMinimumContentsLength(length)
        self.show_language("")
        self.languages = QWidget()
        row = QHBoxLayout(self.languages)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for part in (self.origin, self.swap, self.target):
            row.addWidget(part)
        self.origin.activated.connect(lambda _: self._show_swap())
        self.alternatives = self._chooser(tr("Rewrite", "How many results"))
        self.alternatives.addItem(tr("Rewrite", "One result"), 1)
        self.alternatives.addItem(tr("Rewrite", "Three results"), 3)
        self.words = QPushButton()
        self.words.setToolTip(
            QCoreApplication.translate(
                "Rewrite", "Words that stay as they are, or are written in a certain way"
            )
        )
        self.words.clicked.connect(self.edit_words)
        self.start = QPushButton()
        self.start.setProperty("role", "primary")
        self.start.clicked.connect(
            lambda: (self.stop_requested if self._running else self.start_requested).emit()
        )
        self._build_instruction()
        self._show_words()
        self.set_running(False)

    def _build_instruction(self) -> None:
        self.instruction = QLineEdit()
        self.instruction.setMaxLength(LONGEST_INSTRUCTION)
        self.instruction.setPlaceholderText(
            QCoreApplication.translate("Rewrite", "What is to be done, such as “Make it sound like a speech”")
        )
        self.instruction.setAccessibleName(QCoreApplication.translate("Rewrite", "Instruction"))
        self.instruction.textChanged.connect(lambda _: self._show_buttons())
        self.instruction.returnPressed.connect(self._entered)
        self.save = QPushButton()
        self.save.clicked.connect(self._save)
        self.forget = self._tool("trash", QCoreApplication.translate("Rewrite", "Forget this task of my own"))
        self.forget.clicked.connect(lambda: self.forget_requested.emit(self._own_id()))
        self.own_row = QWidget()
        row = QHBoxLayout(self.own_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.instruction, 1)
        row.addWidget(self.save)
        row.addWidget(self.forget)

    def _chooser(self, name: str) -> QComboBox:
        chooser = _Chooser()
        chooser.setAccessibleName(name)
        chooser.setToolTip(name)
        chooser.setMaxVisibleItems(16)
        chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        return chooser

    def _tool(self, icon: str, words: str) -> QToolButton:
        button = QToolButton()
        button.setProperty("role", "quiet")
        button.setIcon(self._theme.icon(icon, "muted"))
        button.setIconSize(QSize(16, 16))
        button.setToolTip(words)
        button.setAccessibleName(words)
        return button

    def _lay_out(self) -> None:
        choices = QWidget()
        flow = FlowLayout(choices)
        for part in (self.task, self.languages, self.alternatives, self.words):
            flow.addWidget(part)
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

    # ------------------------------------------------------------ tasks

    def _fill_tasks(self) -> None:
        from desktop.workbench.rewrite import TASKS as known

        kept = self.task.currentData()
        self.task.clear()
        for id, task in known.items():
            if id != CUSTOM:
                self.task.addItem(task_name(id), id)
                help_ = QCoreApplication.translate("Rewrite", task.help)
                self.task.setItemData(self.task.count() - 1, help_, Qt.ItemDataRole.ToolTipRole)
        if self._own:
            self.task.insertSeparator(self.task.count())
            for prompt in self._own:
                self.task.addItem(" ".join(prompt.name.split()), f"own:{prompt.id}")
        self.task.insertSeparator(self.task.count())
        self.task.addItem(task_name(CUSTOM), CUSTOM)
        self.task.setCurrentIndex(max(0, self.task.findData(kept)))

    def set_own(self, prompts: Sequence[OwnPrompt], chosen: str = "") -> None:
        """Offer these tasks of the person's own; `chosen` is the id of the one to turn to."""
        self._own = list(prompts)
        before = self.task.currentData()
        self._fill_tasks()
        if chosen:
            self._choose_task(f"own:{chosen}")
        elif self.task.currentData() != before:
            self._choose_task(CUSTOM)

    def _choose_task(self, key: str) -> None:
        index = self.task.findData(key)
        if index >= 0:
            self.task.setCurrentIndex(index)
            self._task_changed()

    def _own_id(self) -> str:
        key = str(self.task.currentData() or "")
        return key.removeprefix("own:") if key.startswith("own:") else ""

    def _task_changed(self, *, focus: bool = False) -> None:
        key, own = self.task.currentData(), self._own_id()
        prompt = next((prompt for prompt in self._own if prompt.id == own), None)
        if prompt is not None:
            self.instruction.setText(prompt.instruction)
            self.instruction.setCursorPosition(0)
        self.languages.setVisible(key == TRANSLATE)
        self.own_row.setVisible(key == CUSTOM or prompt is not None)
        self.forget.setVisible(prompt is not None)
        if prompt is not None:
            self.save.setText(QCoreApplication.translate("Rewrite", "Keep the change"))
        else:
            self.save.setText(QCoreApplication.translate("Rewrite", "Save as my own…"))
        self.save.setAccessibleName(self.save.text())
        self._show_buttons()
        if focus and key == CUSTOM:
            self.instruction.setFocus()
        self.task_changed.emit()

    def _show_buttons(self) -> None:
        own = self._own_id()
        text = self.instruction.text().strip()
        known = next((prompt.instruction for prompt in self._own if prompt.id == own), "")
        self.save.setEnabled(bool(text) and text != known)

    def _entered(self) -> None:
        if not self._running:
            self.start_requested.emit()

    def _save(self) -> None:
        own, text = self._own_id(), self.instruction.text().strip()
        prompt = next((prompt for prompt in self._own if prompt.id == own), None)
        if prompt is not None:
            self.save_requested.emit(prompt.name, text, prompt.id)
            return
        title = QCoreApplication.translate("Rewrite", "Save as my own")
        question = QCoreApplication.translate("Rewrite", "What is this task called?")
        dialog = NameDialog(title, question, " ".join(text.split()[:4])[:40], self)
        dialog.named.connect(lambda name: self.save_requested.emit(name, text, ""))
        dialog.open()

    # ------------------------------------------------------------ words, languages

    def edit_words(self) -> None:
        """Open the list of words to keep."""
        dialog = WordList(self._theme, self._protected, dict(self._glossary), self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._take_words(dialog))
        dialog.open()

    def _take_words(self, dialog: WordList) -> None:
        protected, glossary = dialog.words()
        self.set_words(protected, tuple(glossary.items()))

    def set_words(self, protected: Sequence[str], glossary: Sequence[tuple[str, str]]) -> None:
        """Keep these words."""
        self._protected, self._glossary = tuple(protected), tuple(glossary)
        self._show_words()

    def _show_words(self) -> None:
        count = len(self._protected) + len(self._glossary)
        words = QCoreApplication.translate("Rewrite", "Words…")
        if count:
            words = QCoreApplication.translate("Rewrite", "Words: {n}").format(n=count)
        self.words.setText(words)
        self.words.setAccessibleName(words)

    def show_language(self, code: str) -> None:
        """Say which language the text was found to be in; "" while that is not known."""
        self.detected = code
        words = QCoreApplication.translate("Rewrite", "Find the language")
        if code:
            words = QCoreApplication.translate("Rewrite", "{language} (found)")
        self.origin.setItemText(0, words.format(language=language.own_name(code)))
        self._show_swap()

    def _show_swap(self) -> None:
        self.swap.setEnabled(bool(self.origin.currentData() or self.detected))

    def set_target(self, code: str) -> None:
        """Choose the language of the result."""
        index = self.target.findData(code)
        if index >= 0:
            self.target.setCurrentIndex(index)

    # ------------------------------------------------------------ as a whole

    def set_running(self, running: bool) -> None:
        """The primary button starts, or stops what runs."""
        self._running = running
        if running:
            words = QCoreApplication.translate("Rewrite", "Stop")
            tip = QCoreApplication.translate("Rewrite", "What is finished is kept (Esc)")
        else:
            words = QCoreApplication.translate("Rewrite", "Rewrite")
            tip = QCoreApplication.translate("Rewrite", "Ctrl+Enter")
        self.start.setText(words)
        self.start.setToolTip(tip)
        self.start.setAccessibleName(words)

    def is_ready(self) -> bool:
        """Whether everything is said that has to be; the keyboard goes to what is missing."""
        own = self.task.currentData() == CUSTOM or bool(self._own_id())
        if own and not self.instruction.text().strip():
            self.instruction.setFocus()
            return False
        return True

    def options(self) -> RewriteOptions:
        """What was chosen."""
        from desktop.workbench.rewrite import RewriteOptions

        key = str(self.task.currentData())
        own = key == CUSTOM or bool(self._own_id())
        translating = key == TRANSLATE
        return RewriteOptions(
            task=CUSTOM if own else key,
            instruction=self.instruction.text().strip() if own else "",
            language=str(self.target.currentData()) if translating else "",
            source_language=str(self.origin.currentData()) if translating else "",
            glossary=self._glossary,
            protected=self._protected,
            alternatives=int(self.alternatives.currentData()),
        )

    def show_options(self, options: RewriteOptions) -> None:
        """Choose what was chosen for a run."""
        mine = next((p.id for p in self._own if p.instruction == options.instruction), "")
        if options.task == CUSTOM:
            self.instruction.setText(options.instruction)
        self._choose_task(f"own:{mine}" if options.task == CUSTOM and mine else options.task)
        if options.language:
            self.set_target(options.language)
        self.origin.setCurrentIndex(max(0, self.origin.findData(options.source_language)))
        self._show_swap()
        self.alternatives.setCurrentIndex(0 if options.alternatives == 1 else 1)
        self.set_words(options.protected, options.glossary)

    @property
    def translating(self) -> bool:
        """Whether the text is to be translated."""
        return bool(self.task.currentData() == TRANSLATE)


class _Chooser(QComboBox):
    """Leaves the wheel to the page, so that scrolling never changes a choice."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()
