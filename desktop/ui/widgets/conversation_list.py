"""The list of conversations: search, groups by day, and what can be done to each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal
from PySide6.QtWidgets import QMenu, QWidget

from desktop.ui.jobs import Jobs
from desktop.ui.theme import Theme
from desktop.ui.widgets.history_list import HistoryItems, HistoryList, HistoryWords
from desktop.workbench.store import ConversationRow, Store


def shown_title(row: ConversationRow) -> str:
    """The title of a conversation on one line, with words for one that has none yet."""
    return " ".join(row.title.split()) or QCoreApplication.translate("ConversationList", "New chat")


def facts(row: ConversationRow) -> str:
    """What stands below the title."""
    if row.messages == 0:
        return QCoreApplication.translate("ConversationList", "Draft")
    if row.messages == 1:
        return QCoreApplication.translate("ConversationList", "1 message")
    return QCoreApplication.translate("ConversationList", "{count} messages").format(count=row.messages)


class ConversationItems(HistoryItems[ConversationRow]):
    """The conversations, by when they were last changed; their titles can be typed."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._busy: set[str] = set()

    def set_busy(self, ids: set[str]) -> None:
        """Mark the conversations in which an answer is being written."""
        changed, self._busy = self._busy ^ ids, set(ids)
        for index in map(self.place, changed):
            if index.isValid():
                self.dataChanged.emit(index, index, [self.FACTS])

    def moment(self, row: ConversationRow) -> float:
        """See HistoryItems."""
        return row.updated

    def title(self, row: ConversationRow) -> str:
        """See HistoryItems."""
        return shown_title(row)

    def typed(self, row: ConversationRow) -> str:
        """See HistoryItems."""
        return row.title

    def facts(self, row: ConversationRow) -> str:
        """See HistoryItems."""
        if row.id in self._busy:
            return QCoreApplication.translate("ConversationList", "writing…")
        return facts(row)


class ConversationList(HistoryList[ConversationRow]):
    """New chat, search and the conversations.

    Signals:
        renamed(str id, str title), export_requested(str id)
    """

    renamed = Signal(str, str)
    export_requested = Signal(str)
    items: ConversationItems

    def __init__(self, store: Store, jobs: Jobs, theme: Theme, parent: QWidget | None = None) -> None:
        self._store = store
        words = HistoryWords(
            new=QCoreApplication.translate("ConversationList", "New chat"),
            search=QCoreApplication.translate("ConversationList", "Search conversations"),
            rows=QCoreApplication.translate("ConversationList", "Conversations"),
            none=QCoreApplication.translate("ConversationList", "Your conversations will be kept here."),
            no_match=QCoreApplication.translate("ConversationList", "No conversation contains “{text}”."),
        )
        super().__init__(jobs, theme, ConversationItems(), words, parent)
        self.items.renamed.connect(self.renamed)

    def set_busy(self, ids: set[str]) -> None:
        """Mark the conversations in which an answer is being written."""
        self.items.set_busy(ids)

    def title_of(self, conversation: str) -> str:
        """The title as the list shows it; "" when the conversation is not listed."""
        row = self.items.row(self.items.place(conversation))
        return shown_title(row) if row is not None else ""

    def rename(self, conversation: str) -> None:
        """Open the field for the title of a conversation in the list."""
        index = self.items.place(conversation)
        if index.isValid():
            self.view.setCurrentIndex(index)
            self.view.edit(index)

    def read(self, text: str) -> Sequence[ConversationRow]:
        """See HistoryList."""
        return self._store.conversations(search=text)

    def menu_for(self, id: str) -> QMenu:
        """See HistoryList."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        rename = menu.addAction(QCoreApplication.translate("ConversationList", "Rename"))
        rename.triggered.connect(partial(self.rename, id))
        export = menu.addAction(QCoreApplication.translate("ConversationList", "Export as Markdown…"))
        export.triggered.connect(partial(self.export_requested.emit, id))
        menu.addSeparator()
        delete = menu.addAction(QCoreApplication.translate("ConversationList", "Delete"))
        delete.triggered.connect(partial(self.delete_requested.emit, id))
        return menu
