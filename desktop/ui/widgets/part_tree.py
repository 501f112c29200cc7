"""How a result was made: its parts as a tree, the result at the top, the pieces of the text below."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QFontMetrics
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from desktop.ui.actions import QT_TRANSLATE_NOOP
from desktop.ui.theme import Theme
from desktop.ui.widgets.problem_list import problem_text
from desktop.ui.widgets.source_view import document_name
from desktop.workbench.reading.document import Document
from desktop.workbench.store.records import PartRow

NUMBER = Qt.ItemDataRole.UserRole
STATUSES = {
    "waiting": QT_TRANSLATE_NOOP("Parts", "waiting"),
    "writing": QT_TRANSLATE_NOOP("Parts", "writing…"),
    "again": QT_TRANSLATE_NOOP("Parts", "asked again"),
    "done": QT_TRANSLATE_NOOP("Parts", "done"),
    "failed": QT_TRANSLATE_NOOP("Parts", "failed"),
}
RANGES = {
    "page": (QT_TRANSLATE_NOOP("Parts", "page {first}"), QT_TRANSLATE_NOOP("Parts", "pages {first}–{last}")),
    "slide": (
        QT_TRANSLATE_NOOP("Parts", "slide {first}"),
        QT_TRANSLATE_NOOP("Parts", "slides {first}–{last}"),
    ),
    "sheet": (
        QT_TRANSLATE_NOOP("Parts", "sheet {first}"),
        QT_TRANSLATE_NOOP("Parts", "sheets {first}–{last}"),
    ),
    "chapter": (
        QT_TRANSLATE_NOOP("Parts", "chapter {first}"),
        QT_TRANSLATE_NOOP("Parts", "chapters {first}–{last}"),
    ),
}


def range_text(document: Document, start: int, end: int) -> str:
    """The pages of a stretch of a document, such as "pages 3–7"; "" where there are none."""
    if not document.pages or document.unit not in RANGES:
        return ""
    first, last = document.page_at(start), document.page_at(max(start, end - 1))
    one, many = RANGES[document.unit]
    words = one if first == last else many
    pattern = QCoreApplication.translate("Parts", words)
    return pattern.format(first=first, last=last)


class PartTree(QTreeWidget):
    """The parts of a run; a part is under the one it went into.

    Signals:
        opened(int number): the person wants to see a part.
    """

    opened = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._documents: list[Document] = []
        self._parts: dict[int, PartRow] = {}
        self._items: dict[int, QTreeWidgetItem] = {}
        self._writing: set[int] = set()
        self.setProperty("role", "table")
        self.setColumnCount(3)
        self.setHeaderHidden(True)
        self.setAccessibleName(QCoreApplication.translate("Parts", "How it was made"))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setIndentation(16)
        self.setViewportMargins(0, 3, 0, 3)
        head = self.header()
        head.setStretchLastSection(False)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            head.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        # A click, Enter, or the arrow keys.
        self.currentItemChanged.connect(self._turned_to)
        self.itemActivated.connect(lambda item, _column: self._open(item))
        self.itemClicked.connect(lambda item, _column: self._open(item))
        self._quiet = False
        theme.changed.connect(self._show_all)

    # ------------------------------------------------------------ what is shown

    def set_documents(self, documents: Sequence[Document]) -> None:
        """What the parts are parts of."""
        self._documents = list(documents)
        self._show_all()

    def clear_parts(self) -> None:
        """Show none."""
        self._quiet = True
        self.clear()
        self._quiet = False
        self._parts, self._items, self._writing = {}, {}, set()

    def set_parts(self, parts: Sequence[PartRow]) -> None:
        """Show these parts only."""
        self.clear_parts()
        self.add_parts(parts)

    def add_parts(self, parts: Sequence[PartRow]) -> None:
        """Show parts that were planned; those that are shown already are shown as they are now."""
        self._quiet = True
        for part in parts:
            self._parts[part.number] = part
            if part.number not in self._items:
                item = QTreeWidgetItem()
                item.setData(0, NUMBER, part.number)
                item.setTextAlignment(2, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self._items[part.number] = item
                self.addTopLevelItem(item)
            for number in part.inputs:
                self._move(self._items[number], self._items[part.number])
        for part in parts:
            for number in (*part.inputs, part.number):  # what is no root any more is called otherwise
                self._show(number)
            self._items[part.number].setExpanded(True)
        self._quiet = False

    def update_part(self, part: PartRow) -> None:
        """A part is as this row says now."""
        self._parts[part.number] = part
        self._writing.discard(part.number)
        if part.number in self._items:
            self._show(part.number)

    def set_writing(self, number: int) -> None:
        """The answer for a part has begun."""
        if number not in self._writing and number in self._items:
            self._writing.add(number)
            self._show(number)

    def stop_writing(self) -> None:
        """No answer is on its way any more."""
        numbers, self._writing = self._writing, set()
        for number in numbers:
            self._show(number)

    def show_part(self, number: int) -> None:
        """Select a part and scroll to it, as when a sentence leads there; nothing is emitted."""
        item = self._items.get(number)
        if item is not None:
            self._quiet = True
            self.setCurrentItem(item)
            self.scrollToItem(item)
            self._quiet = False

    # ------------------------------------------------------------ facts

    def parts(self) -> list[PartRow]:
        """The parts shown, by number."""
        return [self._parts[number] for number in sorted(self._parts)]

    def part(self, number: int) -> PartRow | None:
        """One part."""
        return self._parts.get(number)

    def progress(self) -> tuple[int, int]:
        """How many parts are finished, and how many there are."""
        return sum(part.status != "waiting" for part in self._parts.values()), len(self._parts)

    def name_of(self, part: PartRow) -> str:
        """What a part is called."""
        if part.level or part.inputs:
            return self._joined_name(part)
        text = QCoreApplication.translate("Parts", "Part {number}").format(number=self._place(part))
        return " · ".join(filter(None, (text, " ".join(part.title.split()))))

    def where(self, part: PartRow) -> str:
        """Where a part is: its document when there are several, and its pages."""
        if not 0 <= part.source < len(self._documents):
            return ""
        document = self._documents[part.source]
        name = document_name(document) if len(self._documents) > 1 else ""
        return ", ".join(filter(None, (name, range_text(document, part.start, part.end))))

    def status_of(self, part: PartRow) -> str:
        """How a part is, in words."""
        key = part.status
        if part.number in self._writing and key == "waiting":
            key = "writing"
        elif key == "waiting" and part.attempts:
            key = "again"
        status = STATUSES.get(key, key)
        word = QCoreApplication.translate("Parts", status)
        if key == "failed" and part.problems:
            return f"{word}: {problem_text(part.problems[-1])}"
        return word

    def _joined_name(self, part: PartRow) -> str:
        """What a part is called that others were joined to: the result itself, or which parts they are."""
        root = self._items[part.number].parent() is None
        several = len(self._documents) > 1 and 0 <= part.source < len(self._documents)
        if several and self._is_whole(part):
            return document_name(self._documents[part.source])
        if root and self._is_whole(part):
            return QCoreApplication.translate("Parts", "Summary")
        first, last = self._leaves(part)
        one = QCoreApplication.translate("Parts", "Part {number}")
        many = QCoreApplication.translate("Parts", "Parts {first}–{last}")
        return one.format(number=first) if first == last else many.format(first=first, last=last)

    def _is_whole(self, part: PartRow) -> bool:
        """Whether it stands for a whole text, or for all of them, and is the last that does."""
        first, last = self._leaves(part)
        leaves = sum(not other.level and part.source in (other.source, -1) for other in self._parts.values())
        above = self._items[part.number].parent()
        outer = self._parts[above.data(0, NUMBER)] if above is not None else None
        return last - first + 1 >= leaves and (outer is None or outer.source != part.source)

    def _place(self, part: PartRow) -> int:
        """Which part of the texts it is, from 1."""
        return 1 + sum(other.level == 0 and n < part.number for n, other in self._parts.items())

    def _leaves(self, part: PartRow) -> tuple[int, int]:
        first = last = part
        while first.inputs:
            first = self._parts[first.inputs[0]]
        while last.inputs:
            last = self._parts[last.inputs[-1]]
        return self._place(first), self._place(last)

    # ------------------------------------------------------------ inside

    def _move(self, item: QTreeWidgetItem, below: QTreeWidgetItem) -> None:
        if item.parent() is below:
            return
        if (parent := item.parent()) is not None:
            parent.removeChild(item)
        else:
            self.takeTopLevelItem(self.indexOfTopLevelItem(item))
        below.addChild(item)
        item.setExpanded(True)

    def _show_all(self) -> None:
        for number in self._items:
            self._show(number)

    def _show(self, number: int) -> None:
        item, part = self._items[number], self._parts[number]
        tokens = self._theme.tokens
        name, where, status = self.name_of(part), self.where(part), self.status_of(part)
        failed = part.status == "failed"
        for column, text in enumerate((name, where, self._short(status))):
            item.setText(column, text)
        item.setToolTip(0, name.replace("<", "‹"))
        item.setToolTip(2, status.replace("<", "‹") if failed else "")
        item.setForeground(1, QBrush(QColor(tokens.faint)))
        item.setForeground(2, QBrush(QColor(tokens.bad if failed else tokens.faint)))
        item.setData(0, Qt.ItemDataRole.AccessibleTextRole, ", ".join(filter(None, (name, where, status))))

    def _short(self, status: str) -> str:
        return QFontMetrics(self.font()).elidedText(status, Qt.TextElideMode.ElideRight, 170)

    def _turned_to(self, item: QTreeWidgetItem | None, _before: object) -> None:
        if item is not None and not self._quiet and self.hasFocus():
            self._open(item)

    def _open(self, item: QTreeWidgetItem) -> None:
        if not self._quiet:
            self.opened.emit(int(item.data(0, NUMBER)))
