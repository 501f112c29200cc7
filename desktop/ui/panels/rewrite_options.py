"""What is to be done with a text: the row of choices of the Rewrite panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from desktop.ui.panels.task_choices import ChoiceWords, Kind, TaskChoices
from desktop.ui.theme import Theme
from desktop.ui.widgets.buttons import tool_button
from desktop.ui.widgets.chooser import Chooser
from desktop.ui.widgets.word_list import WordList
from desktop.workbench import language

if TYPE_CHECKING:
    from desktop.workbench.rewrite import RewriteOptions

TRANSLATE = "translate"


def task_name(id: str) -> str:
    """What a task is called."""
    from desktop.workbench.rewrite import TASKS

    word = TASKS[id].label if id in TASKS else id
    return QCoreApplication.translate("Rewrite", word)


class RewriteChoices(TaskChoices):
    """Task, languages, alternatives and words.

    Attributes:
        task, origin, target, alternatives: the choosers. swap: the other way round.
        words: opens the list of words.
        detected: the language that the text is in; "" while that is not known.
    Signals:
        swap_requested: translate the other way round.
        task_changed: another task was chosen.
    """

    swap_requested = Signal()
    task_changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, _words(), _kinds(), parent)
        self.task = self.what
        self._protected: tuple[str, ...] = ()
        self._glossary: tuple[tuple[str, str], ...] = ()
        self.detected = ""
        self._build_languages()
        self.alternatives = Chooser(QCoreApplication.translate("Rewrite", "How many results"))
        self.alternatives.addItem(QCoreApplication.translate("Rewrite", "One result"), 1)
        self.alternatives.addItem(QCoreApplication.translate("Rewrite", "Three results"), 3)
        self.alternatives.fit()
        self.words = QPushButton()
        self.words.setToolTip(
            QCoreApplication.translate(
                "Rewrite", "Words that stay as they are, or are written in a certain way"
            )
        )
        self.words.clicked.connect(self.edit_words)
        self._show_words()
        self._lay_out((self.task, self.languages, self.alternatives, self.words))
        self._chosen()

    def _build_languages(self) -> None:
        self.origin = Chooser(QCoreApplication.translate("Rewrite", "Language of the text"))
        self.origin.addItem("", "")
        self.swap = tool_button(
            self._theme, "swap", QCoreApplication.translate("Rewrite", "Translate the other way round")
        )
        self.swap.clicked.connect(self.swap_requested)
        self.target = Chooser(QCoreApplication.translate("Rewrite", "Language of the result"))
        for code, names in language.NAMES.items():
            self.origin.addItem(names.own, code)
            self.target.addItem(names.own, code)
        self.show_language("")
        # Not by all they offer: fonts of every script would be looked for to measure it.
        found = QCoreApplication.translate("Rewrite", "{language} (found)")
        self.origin.fit(found.format(language=language.own_name("pt")), count=1)
        self.target.fit(language.own_name("id"), count=1)
        self.origin.activated.connect(lambda _: self._show_swap())
        self.languages = QWidget()
        row = QHBoxLayout(self.languages)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for part in (self.origin, self.swap, self.target):
            row.addWidget(part)

    def _chosen(self) -> None:
        super()._chosen()
        self.languages.setVisible(self.translating)
        self.task_changed.emit()

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

    # ------------------------------------------------------------ what was chosen

    @property
    def translating(self) -> bool:
        """Whether the text is to be translated."""
        return self.key == TRANSLATE

    def options(self) -> RewriteOptions:
        """What was chosen."""
        from desktop.workbench.rewrite import RewriteOptions

        return RewriteOptions(
            task=self.key,
            instruction=self._instruction(),
            language=str(self.target.currentData()) if self.translating else "",
            source_language=str(self.origin.currentData()) if self.translating else "",
            glossary=self._glossary,
            protected=self._protected,
            alternatives=int(self.alternatives.currentData()),
        )

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Choose what was chosen for a run."""
        from desktop.workbench.rewrite import RewriteOptions

        self.show_options(RewriteOptions.from_dict(values))

    def show_options(self, options: RewriteOptions) -> None:
        """Choose these."""
        self._choose_for(options.task, options.instruction)
        if options.language:
            self.set_target(options.language)
        self.origin.setCurrentIndex(max(0, self.origin.findData(options.source_language)))
        self._show_swap()
        self.alternatives.setCurrentIndex(0 if options.alternatives == 1 else 1)
        self.set_words(options.protected, options.glossary)


def _kinds() -> list[Kind]:
    from desktop.workbench.rewrite import TASKS

    return [
        Kind(id, task_name(id), QCoreApplication.translate("Rewrite", task.help))
        for id, task in TASKS.items()
    ]


def _words() -> ChoiceWords:
    return ChoiceWords(
        what=QCoreApplication.translate("Rewrite", "What to do"),
        start=QCoreApplication.translate("Rewrite", "Rewrite"),
        example=QCoreApplication.translate(
            "Rewrite", "What is to be done, such as “Make it sound like a speech”"
        ),
        forget=QCoreApplication.translate("Rewrite", "Forget this task of my own"),
        question=QCoreApplication.translate("Rewrite", "What is this task called?"),
    )
