"""Where texts come in: pasted, typed, dropped, opened, or taken from a conversation; shown verbatim."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QLocale, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.actions import QT_TRANSLATE_NOOP
from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Job, Jobs
from desktop.ui.notices import error_text
from desktop.ui.theme import Theme
from desktop.ui.widgets.buttons import tool_button
from desktop.ui.widgets.composer import clean
from desktop.ui.widgets.conversation_list import ConversationList
from desktop.ui.widgets.document_edit import DocumentEdit, Shown, local_files
from desktop.ui.widgets.facts import size_text
from desktop.ui.widgets.labels import plain_label, set_role
from desktop.ui.widgets.problem_list import ProblemList
from desktop.workbench.reading.document import Document

if TYPE_CHECKING:
    from desktop.workbench.workbench import Workbench

TYPED_MS = 400
ROW_HEIGHT, FAILED_HEIGHT = 34, 48
LIST_HEIGHT = 150
"""Pixels that the list of texts takes at most."""
MARKDOWN_FILES = (".md", ".markdown", ".mkd", ".txt", ".text", ".log")
"""Ends of names of files that are read as Markdown."""
HEAD_HEIGHT = 30
"""Pixels of the line above a text, here and of what stands beside it."""

UNITS = {
    "page": (QT_TRANSLATE_NOOP("Source", "1 page"), QT_TRANSLATE_NOOP("Source", "{count} pages")),
    "slide": (QT_TRANSLATE_NOOP("Source", "1 slide"), QT_TRANSLATE_NOOP("Source", "{count} slides")),
    "sheet": (QT_TRANSLATE_NOOP("Source", "1 sheet"), QT_TRANSLATE_NOOP("Source", "{count} sheets")),
    "chapter": (QT_TRANSLATE_NOOP("Source", "1 chapter"), QT_TRANSLATE_NOOP("Source", "{count} chapters")),
}
"""One and several of what a document's pages are called."""
PLACES = {
    "page": QT_TRANSLATE_NOOP("Source", "page {number}"),
    "slide": QT_TRANSLATE_NOOP("Source", "slide {number}"),
    "sheet": QT_TRANSLATE_NOOP("Source", "sheet {number}"),
    "chapter": QT_TRANSLATE_NOOP("Source", "chapter {number}"),
}

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(f"[{_CJK}]|[^\\W{_CJK}]+(?:['’.,-][^\\W{_CJK}]+)*")


def word_count(text: str) -> int:
    """How many words a text has; in scripts without blanks every character is one."""
    return sum(1 for _ in _WORD.finditer(text))


def document_name(document: Document) -> str:
    """What a document is called in lists."""
    return " ".join(document.name.split()) or QCoreApplication.translate("Source", "Pasted text")


def page_text(document: Document, position: int) -> str:
    """On which page a character is, such as "page 12"; "" where there are none."""
    page = document.page_at(position)
    pattern = PLACES.get(document.unit, "")
    return QCoreApplication.translate("Source", pattern).format(number=page) if page and pattern else ""


def _was_typed(document: Document) -> bool:
    """Whether a text was pasted, typed or sent here; Markdown may also be that of a file."""
    name = document.name.casefold()
    return document.format == "paste" or (document.format == "md" and not name.endswith(MARKDOWN_FILES))


@dataclass(eq=False)
class Entry:
    """One of the texts.

    Attributes:
        name: of the file, or what a text that was sent here is known by.
        document: once it was read. shown, words: of its text.
        path, size: of the file; 0 bytes when unknown. error: why it could not be read.
        typed: it was written or pasted here, and may be changed.
        text: what is in the field of a typed one, when the document is older than that.
    """

    name: str = ""
    document: Document | None = None
    shown: Shown | None = None
    words: int = 0
    size: int = 0
    error: Exception | None = None
    path: Path | None = None
    typed: bool = False
    text: str | None = None
    read: Callable[[], Document] | None = field(default=None, repr=False)

    @property
    def title(self) -> str:
        """What it is called."""
        if self.document is not None:
            return document_name(self.document)
        return self.name or QCoreApplication.translate("Source", "Pasted text")

    def facts(self) -> str:
        """Pages, size and words; or why there are none."""
        if self.error is not None:
            return " ".join(filter(None, error_text(self.error)))
        if self.document is None and not self.typed:
            return QCoreApplication.translate("Source", "reading…")
        parts = []
        if self.document is not None and self.document.pages and self.document.unit:
            one, many = UNITS[self.document.unit]
            words = one if self.document.pages == 1 else many
            text = QCoreApplication.translate("Source", words)
            parts.append(text.format(count=QLocale().toString(self.document.pages)))
        parts.append(size_text(self.size))
        if self.words == 1:
            parts.append(QCoreApplication.translate("Source", "1 word"))
        elif self.document is not None:
            text = QCoreApplication.translate("Source", "{count} words")
            parts.append(text.format(count=QLocale().toString(self.words)))
        return " · ".join(part for part in parts if part)


def _prepared(entry: Entry, read: Callable[[], Document]) -> Entry:
    """What an entry becomes once its document is there; on a worker."""
    document, size = read(), 0
    if entry.path is not None:
        with suppress(OSError):
            size = entry.path.stat().st_size
    words = word_count(document.text)
    return replace(entry, document=document, shown=Shown(document.text), words=words, size=size)


class ConversationChooser(QDialog):
    """Lets the person choose a conversation.

    Signals:
        chosen(str id)
    """

    chosen = Signal(str)

    def __init__(self, workbench: Workbench, jobs: Jobs, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(QCoreApplication.translate("Source", "Choose a conversation"))
        self.list = ConversationList(workbench.store, jobs, theme, self)
        self.list.new_button.hide()
        self.list.view.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.list.view.setEditTriggers(self.list.view.EditTrigger.NoEditTriggers)
        set_role(self.list, "")
        self.list.opened.connect(self._choose)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 4)
        column.addWidget(self.list)
        self.resize(self.list.width() + 16, 460)

    def choose(self) -> None:
        """Open with the conversations there are now."""
        self.list.search.clear()
        self.list.refresh()
        self.open()
        self.list.focus_search()

    def _choose(self, id: str) -> None:
        self.chosen.emit(id)
        self.accept()


class EmptySource(QFrame):
    """What stands in the field while there is no text: what to do, and the two ways without a text at hand.

    Signals:
        open_requested, conversation_requested
    """

    open_requested = Signal()
    conversation_requested = Signal()

    def __init__(self, many: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self.sentence = plain_label("muted")
        self.sentence.setWordWrap(True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence.setText(
            QCoreApplication.translate("Source", "Paste or type a text here, or drop files.")
            if many
            else QCoreApplication.translate("Source", "Paste or type a text here, or drop a file.")
        )
        # A click on the words is a click into the field.
        self.sentence.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.open = QPushButton(
            QCoreApplication.translate("Source", "Open files…")
            if many
            else QCoreApplication.translate("Source", "Open a file…")
        )
        self.open.setAccessibleName(self.open.text())
        self.open.clicked.connect(self.open_requested)
        self.conversation = QPushButton(QCoreApplication.translate("Source", "or choose a conversation"))
        self.conversation.setProperty("role", "link")
        self.conversation.setAccessibleName(
            QCoreApplication.translate("Source", "Choose a conversation as the text")
        )
        self.conversation.clicked.connect(self.conversation_requested)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 0, 24, 0)
        column.setSpacing(12)
        column.addWidget(self.sentence)
        column.addWidget(self.open, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.conversation, 0, Qt.AlignmentFlag.AlignHCenter)


class EntryRow(QWidget):
    """One text in the list: its name, its facts or its error, and a button that takes it out.

    Signals:
        remove_requested
    """

    remove_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name, self.facts = Elided(), Elided("fact", right=True)
        self.remove = tool_button(theme, "close", parent=self, size=14)
        self.remove.clicked.connect(self.remove_requested)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(10, 0, 2, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(0)
        self._grid.addWidget(self.name, 0, 0)
        self._told: tuple[str, str, bool, bool] | None = None

    def show_entry(self, entry: Entry, *, locked: bool) -> None:
        """Show what is known of it."""
        failed = entry.error is not None
        text = entry.facts()
        if failed:
            text = QCoreApplication.translate("Source", "not read: {reason}").format(reason=text)
        told = (entry.title, text, failed, locked)
        if told == self._told:  # of many texts one has changed
            return
        self._told = told
        self.name.setText(entry.title)
        set_role(self.facts, "bad" if failed else "fact")
        # A reason needs a line of its own.
        self._grid.addWidget(self.facts, int(failed), 0 if failed else 1, 1, 2 if failed else 1)
        self._grid.addWidget(self.remove, 0, 2, 1 + int(failed), 1)
        self._grid.setContentsMargins(10, 3 if failed else 0, 2, 3 if failed else 0)
        self._grid.setColumnStretch(0, 2)
        self._grid.setColumnStretch(1, 3)
        side = Qt.AlignmentFlag.AlignLeft if failed else Qt.AlignmentFlag.AlignRight
        self.facts.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        self.facts.setText(text)
        words = QCoreApplication.translate("Source", "Remove {name}").format(name=entry.title)
        self.remove.setToolTip(QCoreApplication.translate("Source", "Remove"))
        self.remove.setAccessibleName(words)
        self.remove.setEnabled(not locked)
        self.setAccessibleName(f"{entry.title}, {text}")


class Elided(QLabel):
    """One line of plain text, cut where the room ends; all of it is in the tooltip then."""

    def __init__(self, role: str = "", *, right: bool = False) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        self.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        if role:
            self.setProperty("role", role)
        self._whole = ""

    def setText(self, text: str) -> None:
        """Show a text."""
        self._whole = " ".join(text.split())
        self.setAccessibleName(self._whole)
        self._fit()

    def full_text(self) -> str:
        """The text without cuts."""
        return self._whole

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.ensurePolished()
        room = max(0, self.width() - 2)
        fitted = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, room)
        super().setText(fitted)
        # "<" could make it HTML.
        self.setToolTip(self._whole.replace("<", "‹") if fitted != self._whole else "")


class SourceView(QWidget):
    """The texts of a task.

    Attributes:
        edit: the field. list: the texts by name, shown when there are several.
        empty: what the field says while there is nothing. problems: remarks about the shown text.
    Signals:
        changed: the texts are others now, or may be (while one is typed or read).
        shown(int): another text is shown; its place among `documents()`.
    """

    changed = Signal()
    shown = Signal(int)

    def __init__(
        self, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme,
        parent: QWidget | None = None, *, many: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._workbench, self._jobs, self._bridge, self._theme = workbench, jobs, bridge, theme
        self._many = many
        self._entries: list[Entry] = []
        self._current: Entry | None = None
        self._reading: tuple[Entry, Job] | None = None
        self._waiting: Callable[[list[Document]], object] | None = None
        self._kept = self._locked = False
        self._folder = ""
        self.chooser: ConversationChooser | None = None
        self._build()
        self._connect()
        self._show_all()

    # ------------------------------------------------------------ building

    def _build(self) -> None:
        self.title = plain_label("section", QCoreApplication.translate("Source", "Source").upper())
        self.facts = Elided("fact")
        self.edit_button = QPushButton(QCoreApplication.translate("Source", "edit"))
        self.edit_button.setProperty("role", "link")
        self.edit_button.setAccessibleName(QCoreApplication.translate("Source", "Edit the text"))
        self.paste_button = tool_button(
            self._theme, "paste", QCoreApplication.translate("Source", "Paste (Ctrl+V)")
        )
        self.open_button = tool_button(
            self._theme, "folder", QCoreApplication.translate("Source", "Open files")
        )
        self.conversation_button = tool_button(
            self._theme, "chat", QCoreApplication.translate("Source", "Choose a conversation")
        )
        self.clear_button = tool_button(
            self._theme, "close", QCoreApplication.translate("Source", "Remove the text")
        )
        head_box = QWidget()
        head_box.setFixedHeight(HEAD_HEIGHT)
        head = QHBoxLayout(head_box)
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(4)
        head.addWidget(self.title)
        head.addSpacing(8)
        head.addWidget(self.facts, 1)
        for button in (
            self.edit_button, self.paste_button, self.open_button, self.conversation_button, self.clear_button
        ):  # fmt: skip
            head.addWidget(button)
        self.list = QListWidget()
        self.list.setProperty("role", "plain")
        self.list.setAccessibleName(QCoreApplication.translate("Source", "Texts"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setStyleSheet("QListWidget::item { padding: 0px; }")
        self.problems = ProblemList(self._theme)
        self.edit = DocumentEdit(self._theme)
        self.edit.setProperty("role", "bare")
        self.edit.setAccessibleName(QCoreApplication.translate("Source", "Text"))
        self.empty = EmptySource(self._many, self.edit.viewport())
        self.card = QFrame()
        self.card.setProperty("role", "card")
        inner = QVBoxLayout(self.card)
        inner.setContentsMargins(6, 6, 6, 6)
        inner.addWidget(self.edit)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(6)
        rows.addWidget(head_box)
        rows.addWidget(self.list)
        rows.addWidget(self.problems)
        rows.addWidget(self.card, 1)
        self.setAcceptDrops(True)

    def _connect(self) -> None:
        self._typed = QTimer(self, singleShot=True, interval=TYPED_MS)
        self._typed.timeout.connect(self._read_next)
        self.edit.edited.connect(self._edited)
        self.edit.files_dropped.connect(self.add_files)
        self.edit.huge_pasted.connect(self.add_text)
        self.edit.installEventFilter(self)
        self.edit.viewport().installEventFilter(self)
        self.list.currentRowChanged.connect(self._turn_to)
        self.list.installEventFilter(self)
        self.empty.open_requested.connect(self.open_files)
        self.empty.conversation_requested.connect(self.choose_conversation)
        self.open_button.clicked.connect(self.open_files)
        self.conversation_button.clicked.connect(self.choose_conversation)
        self.paste_button.clicked.connect(self.paste)
        self.clear_button.clicked.connect(self._clear_clicked)
        self.edit_button.clicked.connect(self._edit_again)
        # Where the field takes the key itself it does so: a text in it is pasted at the cursor.
        keys = QShortcut(QKeySequence(QKeySequence.StandardKey.Paste), self)
        keys.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        keys.activated.connect(self.paste)

    # ------------------------------------------------------------ for the panel

    def documents(self) -> list[Document]:
        """The texts as far as they are read; what was typed just now may be missing, see `take`."""
        return [entry.document for entry in self._entries if entry.document is not None]

    @property
    def kept(self) -> bool:
        """Whether the texts belong to a run and are still as they were for it."""
        return self._kept

    def is_empty(self) -> bool:
        """Whether there is nothing that could be worked on, read or about to be."""
        return not any(entry.error is None for entry in self._entries)

    @property
    def busy(self) -> bool:
        """Whether something is being read, or was typed and is not read yet."""
        return self._reading is not None or any(entry.read is not None for entry in self._entries)

    @property
    def reading(self) -> bool:
        """Whether files are being read, which may take a while."""
        return any(entry.read is not None and not entry.typed for entry in self._entries)

    def take(self, done: Callable[[list[Document]], object]) -> None:
        """Call `done` with the texts once all of them are read, with none when they are taken out before.

        What is asked last counts.
        """
        self._waiting = done
        self._typed.stop()
        self._read_next()

    def set_documents(self, documents: Sequence[Document], *, kept: bool = True) -> None:
        """Show these texts. `kept`: they belong to a run, so that whatever is added begins anew."""
        known = {id(entry.document): entry for entry in self._entries}
        place = self._entries.index(self._current) if self._current in self._entries else 0
        self._drop_all()
        self._kept = kept
        for document in documents:
            old = known.get(id(document))
            if old is not None and old.shown is not None:
                self._entries.append(old)
            else:
                entry = Entry(document.name, document=document, typed=_was_typed(document))
                entry.read = partial(_same, document)
                self._entries.append(entry)
        self._current = self._entries[min(place, len(self._entries) - 1)] if self._entries else None
        self._show_all()
        self._read_next()

    def set_kept(self) -> None:
        """What is shown belongs to a run now: it stays as it is, and whatever is added begins anew."""
        self._kept = True
        self.edit.set_editable(False)
        self._show_head()

    def set_locked(self, locked: bool) -> None:
        """While a run works on them, the texts stay as they are."""
        if locked != self._locked:
            self._locked = locked
            self.edit.set_editable(not locked and self._in_field())
        self._show_all(text=False)

    def clear(self) -> None:
        """Take all texts out."""
        self._drop_all()
        self._show_all()
        self.changed.emit()

    def mark(self, source: int, start: int, end: int) -> None:
        """Show a text and mark a range of it; positions are those of `Document.text`."""
        entries = [entry for entry in self._entries if entry.document is not None]
        if not 0 <= source < len(entries):
            return
        if entries[source] is not self._current:
            self._current = entries[source]
            self._show_all()
            self.shown.emit(source)
        self.edit.mark(start, end)

    @property
    def current(self) -> int:
        """Which of `documents()` is shown; -1 for none."""
        documents = [entry for entry in self._entries if entry.document is not None]
        return next((i for i, entry in enumerate(documents) if entry is self._current), -1)

    # ------------------------------------------------------------ what comes in

    def add_files(self, paths: Sequence[Path]) -> None:
        """Read files, one after the other in this order."""
        if self._locked or not paths:
            return
        self._make_room()
        tasks = self._workbench.tasks
        first = len(self._entries)
        for path in paths if self._many else paths[:1]:
            entry = Entry(path.name, path=path)
            entry.read = partial(tasks.read, path)
            self._entries.append(entry)
        self._added(first)

    def add_text(self, text: str, name: str = "") -> None:
        """Take a text that was pasted or sent here; `name`: what it is known by."""
        text = clean(text)
        if self._locked or not text.strip():
            return
        self._make_room()
        entry = Entry(" ".join(clean(name).split()), typed=True, text=text)
        entry.read = partial(_from_text, text, entry.name)
        self._entries.append(entry)
        self._added()

    def add_conversation(self, id: str) -> None:
        """Take a conversation as a text."""
        if self._locked:
            return
        self._make_room()
        entry = Entry(QCoreApplication.translate("Source", "Conversation"))
        entry.read = partial(self._workbench.tasks.conversation_document, id)
        self._entries.append(entry)
        self._added()

    def paste(self) -> None:
        """Take what is on the clipboard: files, or a text."""
        data = QGuiApplication.clipboard().mimeData()
        if self._locked or data is None:
            return
        if files := local_files(data):
            self.add_files(files)
        elif self._in_field() and not self.edit.isReadOnly():
            self.edit.setFocus()
            self.edit.insertFromMimeData(data)
        else:
            self.add_text(data.text())

    def open_files(self) -> None:
        """Let the person choose files."""
        from desktop.workbench.reading.reader import FORMATS

        patterns = " ".join(f"*{suffix}" for suffixes in FORMATS.values() for suffix in suffixes)
        kinds = QCoreApplication.translate("Source", "Texts ({patterns});;All files (*)")
        words = QCoreApplication.translate("Source", "Open files")
        ask = QFileDialog.getOpenFileNames
        if self._many:
            paths, _ = ask(self.window(), words, self._folder, kinds.format(patterns=patterns))
        else:
            path, _ = QFileDialog.getOpenFileName(
                self.window(), words, self._folder, kinds.format(patterns=patterns)
            )
            paths = [path] if path else []
        if paths:
            self._folder = str(Path(paths[0]).parent)
            self.add_files([Path(path) for path in paths])

    def choose_conversation(self) -> None:
        """Let the person choose a conversation."""
        if self.chooser is None:
            self.chooser = ConversationChooser(self._workbench, self._jobs, self._theme, self)
            self.chooser.chosen.connect(self.add_conversation)
        self.chooser.choose()

    def _make_room(self) -> None:
        """What is added to the texts of a finished run, or where there can be one only, replaces them."""
        if self._kept or not self._many:
            self._drop_all()

    def _added(self, first: int = -1) -> None:
        """`first`: the first of those that were added."""
        if self._current is None or self._current.error is not None:
            self._current = self._entries[first]
        self._show_all()
        self.changed.emit()
        self._read_next()

    def _drop_all(self) -> None:
        if self._reading is not None:
            self._reading[1].cancel()
            self._reading = None
        self._typed.stop()
        self._kept = False
        self._entries, self._current = [], None
        self._give()

    def remove(self, entry: Entry) -> None:
        """Take one text out."""
        if not self._locked and entry in self._entries:
            self._take_out(entry)

    def _take_out(self, entry: Entry, *, text: bool = True) -> None:
        """`text`: whether the field has to be emptied when nothing is left."""
        place = self._entries.index(entry)
        self._entries.remove(entry)
        self._kept = False
        if self._reading is not None and self._reading[0] is entry:
            self._reading[1].cancel()
            self._reading = None
        if self._current is entry:
            left = self._entries[place:] or self._entries[-1:]
            self._current = left[0] if left else None
        self._show_all(text=text or self._current is not None)
        self.changed.emit()
        self._read_next()

    # ------------------------------------------------------------ typing

    def _in_field(self) -> bool:
        """Whether what is in the field was typed here, or nothing is."""
        return not self._kept and (self._current is None or self._current.typed)

    def _edited(self) -> None:
        text = self.edit.text()
        entry = self._current
        if not text.strip():  # no text yet, or no more
            if entry is not None:
                self._take_out(entry, text=not text)
            return
        if entry is None:
            self._kept = False
            entry = self._current = Entry(typed=True)
            self._entries.append(entry)
        entry.text = text
        entry.read = partial(_from_text, text, entry.name)
        self.empty.hide()
        self._typed.start()
        self.changed.emit()

    def _edit_again(self) -> None:
        self._kept = False
        self.edit.mark(0, 0)
        self.edit.set_editable(True)
        self.edit.setFocus()
        self._show_head()

    # ------------------------------------------------------------ reading

    def _read_next(self) -> None:
        """Read the next of those that wait; one at a time, in order."""
        if self._reading is not None:
            return
        entry = next((entry for entry in self._entries if entry.read is not None), None)
        if entry is None or entry.read is None:
            self._give()
            return
        read = entry.read
        job = self._jobs.run(
            lambda: _prepared(entry, read), partial(self._read, entry, read), partial(self._failed, entry)
        )
        self._reading = (entry, job)

    def _read(self, entry: Entry, read: Callable[[], Document], prepared: Entry) -> None:
        self._reading = None
        typed_on = entry.read is not read  # while it was read
        entry.document, entry.shown = prepared.document, prepared.shown
        entry.words, entry.size = prepared.words, prepared.size
        if not typed_on:
            entry.read = None
        in_field = entry.typed and entry is self._current and not self.edit.isReadOnly()
        self._show_all(text=entry is self._current and not (in_field and self.edit.text() == entry.text))
        if not typed_on:
            entry.text = None
        self.changed.emit()
        if not self._typed.isActive():
            self._read_next()

    def _failed(self, entry: Entry, error: Exception) -> None:
        self._reading = None
        entry.read, entry.error = None, error
        if self._current is entry:
            self._current = next((e for e in self._entries if e.error is None), entry)
        self._show_all()
        self.changed.emit()
        self._read_next()

    def _give(self) -> None:
        done, self._waiting = self._waiting, None
        if done is not None:
            done(self.documents())

    # ------------------------------------------------------------ showing

    def _show_all(self, *, text: bool = True) -> None:
        self._show_list()
        self._show_head()
        if text:
            self._show_text()
        self.empty.setVisible(self._current is None)
        self._place_empty()

    def _show_list(self) -> None:
        rows = self.list.count()
        self.list.blockSignals(True)
        for _ in range(rows - len(self._entries)):
            self.list.takeItem(self.list.count() - 1)
        for _ in range(len(self._entries) - rows):
            item = QListWidgetItem(self.list)
            row = EntryRow(self._theme)
            row.remove_requested.connect(partial(self._remove_row, item))
            self.list.setItemWidget(item, row)
        for place, entry in enumerate(self._entries):
            item = self.list.item(place)
            shown = self.list.itemWidget(item)
            assert isinstance(shown, EntryRow)
            shown.show_entry(entry, locked=self._locked)
            item.setSizeHint(QSize(40, ROW_HEIGHT if entry.error is None else FAILED_HEIGHT))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, shown.accessibleName())
            if entry is self._current:
                self.list.setCurrentRow(place)
        self.list.blockSignals(False)
        alone = len(self._entries) == 1 and self._entries[0].error is None
        self.list.setVisible(bool(self._entries) and not alone)
        height = sum(ROW_HEIGHT if entry.error is None else FAILED_HEIGHT for entry in self._entries)
        self.list.setFixedHeight(min(LIST_HEIGHT, height) + 4)

    def _remove_row(self, item: QListWidgetItem) -> None:
        row = self.list.row(item)
        if 0 <= row < len(self._entries):
            self.remove(self._entries[row])

    def _show_head(self) -> None:
        entries = self._entries
        if len(entries) == 1:
            entry = entries[0]
            facts = entry.facts() if entry.error is None else ""
            self.facts.setText(" · ".join(part for part in (entry.title, facts) if part))
        elif entries:
            words = sum(entry.words for entry in entries)
            count = sum(entry.error is None for entry in entries)
            text = QCoreApplication.translate("Source", "{count} texts · {words} words")
            self.facts.setText(text.format(count=count, words=QLocale().toString(words)))
        else:
            self.facts.setText("")
        typed = self._current is not None and self._current.typed
        self.edit_button.setVisible(self._kept and typed and not self._locked)
        for button in (self.paste_button, self.open_button, self.conversation_button):
            button.setEnabled(not self._locked)
        self.clear_button.setVisible(bool(entries))
        self.clear_button.setEnabled(not self._locked)
        several = QCoreApplication.translate("Source", "Remove all texts")
        one = QCoreApplication.translate("Source", "Remove the text")
        self.clear_button.setToolTip(several if len(entries) > 1 else one)
        self.clear_button.setAccessibleName(self.clear_button.toolTip())

    def _show_text(self) -> None:
        entry = self._current
        if entry is None:
            self.problems.set_problems(())
            self.edit.show_text("", editable=not self._locked)
        elif entry.document is None:
            self.problems.set_problems(())
            self.edit.show_text(entry.text or "", editable=False)
        else:
            self.problems.set_problems(entry.document.problems)
            editable = entry.typed and not self._kept and not self._locked
            self.edit.show_text(entry.document.text, shown=entry.shown, editable=editable)

    def _turn_to(self, row: int) -> None:
        if 0 <= row < len(self._entries) and self._entries[row] is not self._current:
            self._current = self._entries[row]
            self._show_head()
            self._show_text()
            self.shown.emit(self.current)

    def _clear_clicked(self) -> None:
        self.clear()
        self.edit.setFocus()

    # ------------------------------------------------------------ events

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The card shows the field's focus; Delete takes a text out of the list."""
        kind = event.type()
        if watched is self.edit and kind in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self._ring(kind == QEvent.Type.FocusIn)
        elif watched is self.edit.viewport() and kind == QEvent.Type.Resize:
            self._place_empty()
        elif (
            watched is self.list
            and isinstance(event, QKeyEvent)
            and kind == QEvent.Type.KeyPress
            and event.key() == Qt.Key.Key_Delete
            and 0 <= self.list.currentRow() < len(self._entries)
        ):
            self.remove(self._entries[self.list.currentRow()])
            return True
        return super().eventFilter(watched, event)

    def _ring(self, shown: bool) -> None:
        self.card.setProperty("focused", "true" if shown else "false")
        self.card.style().unpolish(self.card)
        self.card.style().polish(self.card)
        # The ring is a pixel wider than the line: the text stays where it is.
        space = 5 if shown else 6
        layout = self.card.layout()
        if layout is not None:
            layout.setContentsMargins(space, space, space, space)

    def _place_empty(self) -> None:
        room = self.edit.viewport()
        width = min(room.width(), 360)
        height = self.empty.sizeHint().height()
        left, top = (room.width() - width) // 2, max(0, (room.height() - height) // 2)
        self.empty.setGeometry(left, top, width, height)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files and texts may be dropped anywhere here."""
        data = event.mimeData()
        if not self._locked and (local_files(data) or data.hasText()):
            event.acceptProposedAction()
            self._ring(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """The ring was for what is gone."""
        self._ring(self.edit.hasFocus())

    def dropEvent(self, event: QDropEvent) -> None:
        """Take what is dropped."""
        self._ring(self.edit.hasFocus())
        data = event.mimeData()
        event.acceptProposedAction()
        if files := local_files(data):
            self.add_files(files)
        else:
            self.add_text(data.text())


def _from_text(text: str, name: str) -> Document:
    from desktop.workbench.reading.reader import from_text  # on a worker: not needed for the first window

    return from_text(text, name)


def _same(document: Document) -> Document:
    return document
