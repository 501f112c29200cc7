"""A model of the catalogue: what it is good for, whether it fits, and the button that gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop.ui.theme import Theme
from desktop.ui.widgets.facts import capability_words, parameters_text, size_text, verdict_word
from desktop.ui.widgets.labels import plain_label, set_role

if TYPE_CHECKING:
    from models.catalogue import Entry, Recommendation

COLUMN = 620


class EntryView(QWidget):
    """Shows a recommendation; nothing here has asked the hub yet.

    Signals:
        download_requested(Entry), files_requested(Entry): a button was pressed.
    """

    download_requested = Signal(object)
    files_requested = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entry: Entry | None = None
        self._name, self._about, self._text, self._verdict, self._facts = (
            plain_label(role) for role in ("title", "muted", "", "good", "fact")
        )
        self._text.setFont(theme.font("reading"))
        self.download = QPushButton()
        self.download.setProperty("role", "primary")
        self.download.clicked.connect(lambda: self.download_requested.emit(self._entry))
        self.files = QPushButton(QCoreApplication.translate("Hub", "All its files"))
        self.files.clicked.connect(lambda: self.files_requested.emit(self._entry))
        inner = QWidget()
        inner.setMaximumWidth(COLUMN)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for label in (self._name, self._about, self._text, self._verdict, self._facts):
            label.setWordWrap(True)
            column.addWidget(label)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.download)
        buttons.addWidget(self.files)
        buttons.addStretch(1)
        column.addSpacing(8)
        column.addLayout(buttons)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, 0, 24, 24)
        outer.addWidget(inner)
        outer.addStretch(1)

    def show_recommendation(self, one: Recommendation) -> None:
        """Show what the catalogue says about a model, and whether it fits here."""
        entry = self._entry = one.entry
        self._name.setText(entry.name)
        words = [
            entry.publisher,
            parameters_text(entry.parameters),
            *capability_words(set(entry.capabilities)),
        ]
        self._about.setText(" · ".join(word for word in words if word))
        self._text.setText(QCoreApplication.translate("Catalogue", entry.description))
        why = QCoreApplication.translate("Errors", one.why)
        self._verdict.setText(f"{verdict_word(one.verdict)} · {why}")
        set_role(self._verdict, {"fits": "good", "too_big": "bad"}.get(one.verdict, "muted"))
        licence = QCoreApplication.translate("Hub", "Licence: {name}").format(name=entry.license)
        self._facts.setText(" · ".join(filter(None, (entry.repo, entry.quantization, licence))))
        set_role(self.download, "" if one.verdict == "too_big" else "primary")
        self.set_busy(False)

    def set_busy(self, busy: bool) -> None:
        """Whether the hub is being asked for the file."""
        if self._entry is None:
            return
        size = size_text(self._entry.size_bytes)
        words = QCoreApplication.translate("Hub", "Download · {size}").format(size=size)
        if busy:
            words = QCoreApplication.translate("Hub", "Asking the hub…")
        self.download.setText(words)
        self.download.setAccessibleName(f"{words}: {self._entry.name}")
        self.download.setEnabled(not busy)
