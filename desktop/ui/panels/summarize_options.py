"""What is wanted of a summary: the row of choices of the Summarize panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from desktop.ui.actions import QT_TRANSLATE_NOOP
from desktop.ui.panels.task_choices import ChoiceWords, Kind, TaskChoices
from desktop.ui.theme import Theme
from desktop.ui.widgets.chooser import Chooser
from desktop.workbench import language

if TYPE_CHECKING:
    from desktop.workbench.summarize import SummaryOptions

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
    from desktop.workbench.summarize import KINDS

    word = KINDS[id].label if id in KINDS else id
    return QCoreApplication.translate("Summary", word)


def options_name(options: Mapping[str, Any]) -> str:
    """What a run is told by in the list: its kind, or that it quotes."""
    if options.get("extractive"):
        return QCoreApplication.translate("Summary", "Sentences")
    return kind_name(str(options.get("kind") or "abstract"))


class SummaryChoices(TaskChoices):
    """Words or sentences, kind, length, language and readers.

    Attributes:
        wording, kind, length, language, reader, together: the choosers.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, _words(), _kinds(), parent)
        self.kind = self.what
        self._several = False
        self._build()
        self._build_reader()
        self._lay_out((self.wording, self.kind, self.length, self.language, self.reader, self.together))
        self._chosen()

    # ------------------------------------------------------------ building

    def _build(self) -> None:
        self.wording = Chooser(
            QCoreApplication.translate("Summary", "New words, or the most telling sentences of the text")
        )
        self.wording.addItem(QCoreApplication.translate("Summary", "In new words"), False)
        self.wording.addItem(QCoreApplication.translate("Summary", "In its own sentences"), True)
        self.wording.activated.connect(self._chosen)
        self.length = Chooser(QCoreApplication.translate("Summary", "Length"))
        for key, word in LENGTHS.items():
            self.length.addItem(QCoreApplication.translate("Summary", word), key)
        self.length.setCurrentIndex(1)
        self.together = Chooser(QCoreApplication.translate("Summary", "Several texts"))
        self.together.addItem(QCoreApplication.translate("Summary", "One summary each"), False)
        self.together.addItem(QCoreApplication.translate("Summary", "One over all"), True)
        for chooser in (self.wording, self.length, self.together):
            chooser.fit()
        self.language = Chooser(QCoreApplication.translate("Summary", "Language of the result"))
        self.language.addItem(QCoreApplication.translate("Summary", "Language of the text"), "")
        for code, names in language.NAMES.items():
            self.language.addItem(names.own, code)
        # Only the first is measured: all of them would have fonts of every script looked for.
        self.language.fit(count=1)

    def _build_reader(self) -> None:
        words = QCoreApplication.translate("Summary", "For whom?")
        self.reader = Chooser(QCoreApplication.translate("Summary", "For whom it is"))
        self.reader.setEditable(True)
        self.reader.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        for word in READERS:
            self.reader.addItem(QCoreApplication.translate("Summary", word))
        self.reader.setCurrentIndex(-1)
        field = QLineEdit()
        field.setProperty("role", "bare")
        self.reader.setLineEdit(field)
        field.setPlaceholderText(words)
        field.setAccessibleName(self.reader.accessibleName())
        field.setMaxLength(200)
        self.reader.fit(f"{words}   ")

    # ------------------------------------------------------------ what was chosen

    @property
    def quoting(self) -> bool:
        """Whether sentences of the text are wanted: they have no kind, language or reader."""
        return bool(self.wording.currentData())

    def _takes_instruction(self) -> bool:
        return super()._takes_instruction() and not self.quoting

    def _chosen(self) -> None:
        super()._chosen()
        for chooser in (self.kind, self.language, self.reader):
            chooser.setVisible(not self.quoting)
        self.together.setVisible(self._several)

    def set_several(self, several: bool) -> None:
        """Whether there are several texts, for which there can be one summary each or one over all."""
        self._several = several
        self.together.setVisible(several)

    def options(self) -> SummaryOptions:
        """What was chosen."""
        from desktop.workbench.summarize import SummaryOptions

        return SummaryOptions(
            kind=self.key,
            length=self.length.currentData(),
            language="" if self.quoting else str(self.language.currentData()),
            audience="" if self.quoting else self.reader.currentText().strip(),
            instruction=self._instruction(),
            extractive=self.quoting,
            together=self._several and bool(self.together.currentData()),
        )

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Choose what was chosen for a run."""
        from desktop.workbench.summarize import SummaryOptions

        options = SummaryOptions.from_dict(values)
        self.wording.setCurrentIndex(int(options.extractive))
        self.length.setCurrentIndex(max(0, self.length.findData(options.length)))
        self.language.setCurrentIndex(max(0, self.language.findData(options.language)))
        self.reader.setCurrentIndex(-1)
        self.reader.setEditText(options.audience)
        self.together.setCurrentIndex(int(options.together))
        self._choose_for(options.kind, options.instruction)
        self._chosen()


def _kinds() -> list[Kind]:
    from desktop.workbench.summarize import KINDS

    return [
        Kind(id, kind_name(id), QCoreApplication.translate("Summary", kind.help))
        for id, kind in KINDS.items()
    ]


def _words() -> ChoiceWords:
    return ChoiceWords(
        what=QCoreApplication.translate("Summary", "Kind of summary"),
        start=QCoreApplication.translate("Summary", "Summarize"),
        example=QCoreApplication.translate(
            "Summary", "What is to be done with the text, such as “List all amounts and what they are for”"
        ),
        forget=QCoreApplication.translate("Summary", "Forget this instruction of my own"),
        question=QCoreApplication.translate("Summary", "What is this kind of summary called?"),
    )
