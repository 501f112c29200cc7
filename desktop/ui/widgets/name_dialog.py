"""A small dialog that asks what something is to be called."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLineEdit, QVBoxLayout, QWidget

from desktop.ui.widgets.labels import plain_label

LONGEST_NAME = 60


class NameDialog(QDialog):
    """Asks for a name.

    Signals:
        named(str): the name, on one line and not empty.
    """

    named = Signal(str)

    def __init__(self, title: str, question: str, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.field = QLineEdit(name)
        self.field.setMaxLength(LONGEST_NAME)
        self.field.setAccessibleName(question)
        self.field.selectAll()
        kinds = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(kinds.Save | kinds.Cancel)
        self.save = buttons.button(kinds.Save)
        self.save.setProperty("role", "primary")
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        self.field.textChanged.connect(lambda text: self.save.setEnabled(bool(text.strip())))
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addWidget(plain_label("", question))
        column.addWidget(self.field)
        column.addWidget(buttons)
        self.setMinimumWidth(360)

    def _accept(self) -> None:
        name = " ".join(self.field.text().split())
        if name:
            self.named.emit(name)
            self.accept()
