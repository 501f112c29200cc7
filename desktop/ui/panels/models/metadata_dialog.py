"""Everything a model file says about itself: its metadata, and its chat template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import (
    QDialog,
    QHeaderView,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.theme import Theme
from models.gguf import ArraySummary, printable

if TYPE_CHECKING:
    from models.gguf import GGUFHeader, Value

LONGEST = 500
"""Characters of a value shown in the table; the chat template has a page of its own."""
TEMPLATE = "tokenizer.chat_template"


class MetadataDialog(QDialog):
    """Two tabs: a table that can be filtered, and the chat template."""

    def __init__(self, name: str, header: GGUFHeader, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(name)
        self.resize(760, 560)
        self.filter = QLineEdit()
        words = QCoreApplication.translate("Models", "Filter by words")
        self.filter.setPlaceholderText(words)
        self.filter.setAccessibleName(words)
        self.table = QTreeWidget()
        self.table.setProperty("role", "table")
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setAccessibleName(QCoreApplication.translate("Models", "Metadata"))
        self.table.setHeaderLabels(
            [QCoreApplication.translate("Models", "Key"), QCoreApplication.translate("Models", "Value")]
        )
        self.table.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.table.addTopLevelItems(
            [QTreeWidgetItem([printable(key), value_text(value)]) for key, value in header.metadata.items()]
        )
        self.filter.textChanged.connect(self._filter)
        page = QWidget()
        column = QVBoxLayout(page)
        column.addWidget(self.filter)
        column.addWidget(self.table)
        self.template = QPlainTextEdit(header.chat_template or "")
        self.template.setReadOnly(True)
        self.template.setFont(theme.font("mono"))
        self.template.setAccessibleName(QCoreApplication.translate("Models", "Chat template"))
        tabs = QTabWidget()
        tabs.addTab(page, QCoreApplication.translate("Models", "Metadata"))
        if header.chat_template:
            tabs.addTab(self.template, QCoreApplication.translate("Models", "Chat template"))
        close = QPushButton(QCoreApplication.translate("Models", "Close"))
        close.clicked.connect(self.reject)
        outer = QVBoxLayout(self)
        outer.addWidget(tabs)
        outer.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        for row in range(self.table.topLevelItemCount()):
            item = self.table.topLevelItem(row)
            if item is not None:
                line = f"{item.text(0)} {item.text(1)}".casefold()
                item.setHidden(not all(word in line for word in words))


def value_text(value: Value) -> str:
    """A value of the metadata as one line."""
    if isinstance(value, ArraySummary):
        text = QCoreApplication.translate("Models", "{n} values of type {type}")
        return text.format(n=value.length, type=value.type)
    if isinstance(value, tuple):
        return printable(", ".join(str(item) for item in value[:64]))[:LONGEST]
    return printable(" ".join(str(value)[: 2 * LONGEST].split()))[:LONGEST]
