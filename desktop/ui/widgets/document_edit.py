"""A field for a document's text of any size, in which places can be marked by their position in the text."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from itertools import accumulate
from pathlib import Path

from PySide6.QtCore import QMimeData, QRect, QRectF, QTimer, QUrl, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QTextEdit, QWidget

from desktop.ui.theme import Theme
from desktop.ui.widgets.composer import LINE_LIMIT, clean
from desktop.ui.widgets.plain_edit import PlainEdit

MOST_EDITED = 400_000
"""Characters up to which a text can be changed in the field."""
SLICE_LINES = 3_000
"""Lines that are put into the field at once; a long text follows in slices."""

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_REPLACED = {code: " " for code in range(1, 32) if code not in (9, 10, 13)}
_REPLACED |= dict.fromkeys((0, 0xFDD0, 0xFDD1, 0xFFFC, *range(0xD800, 0xE000)), "\ufffd")


class Shown:
    """A text as a Qt field can show it, and where its characters are there.

    Characters that Qt keeps for itself are replaced one for one, CRLF becomes one line end, and lines
    that would take long to be laid out are broken. Qt counts in UTF-16.

    Attributes:
        text: what is shown. broken: whether line ends were added, so that it cannot be edited.
    """

    def __init__(self, text: str, longest: int = LINE_LIMIT) -> None:
        self._length = len(text)
        shifts = [(match.end(), 1) for match in _ASTRAL.finditer(text)]
        if "\r\n" in text:
            shifts += [(match.start() + 1, -1) for match in re.finditer("\r\n", text)]
        breaks = _breaks(text, longest)
        shifts += [(place, 1) for place in breaks]
        shifts.sort()
        self.broken = bool(breaks)
        self._from = [place for place, _ in shifts]
        self._sums = list(accumulate(by for _, by in shifts))
        pieces = [text[start:end] for start, end in zip([0, *breaks], [*breaks, len(text)], strict=True)]
        # Line ends first: one that is added after a CR would become part of it.
        pieces = [piece.replace("\r\n", "\n").replace("\r", "\n") for piece in pieces]
        self.text = "\n".join(pieces).translate(_REPLACED)

    def place(self, position: int) -> int:
        """Where Qt has the character at a position of the text."""
        position = max(0, min(self._length, position))
        count = bisect_right(self._from, position)
        return position + (self._sums[count - 1] if count else 0)

    def position(self, place: int) -> int:
        """The position in the text of the character that Qt has at a place."""
        return bisect_left(range(self._length + 1), place, hi=self._length, key=self.place)


def _breaks(text: str, longest: int) -> list[int]:
    """Where lines longer than that are broken: after a blank, else anywhere."""
    breaks, start = [], 0
    for line in text.split("\n"):
        end = start + len(line)
        at = start
        while end - at > longest:
            blank = text.rfind(" ", at + longest // 2, at + longest)
            at = blank + 1 if blank >= 0 else at + longest
            breaks.append(at)
        start = end + 1
    return breaks


def local_files(data: QMimeData) -> list[Path]:
    """The files that are dropped or pasted."""
    urls: list[QUrl] = data.urls() if data.hasUrls() else []
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]


class DocumentEdit(PlainEdit):
    """Shows one text, which can be changed while it is short enough and not read only.

    Signals:
        edited: the person changed the text. files_dropped(list of Path): files were dropped or pasted.
        huge_pasted(str): a text too large to be edited was pasted or dropped.
        filled: all of the text is in the field.
    """

    edited = Signal()
    files_dropped = Signal(object)
    huge_pasted = Signal(str)
    filled = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown = Shown("")
        self._rest: list[str] = []
        self._mark: tuple[int, int] | None = None
        self._slice = QTimer(self, singleShot=True, interval=0)
        self._slice.timeout.connect(self._next_slice)
        self.setFont(theme.font("reading"))
        self.setTabChangesFocus(True)
        self.setAcceptDrops(False)  # drops are for whoever holds the field, wherever they fall
        self.document().setDocumentMargin(8)
        self.textChanged.connect(self._changed)
        theme.changed.connect(self._show_mark)

    # ------------------------------------------------------------ what is shown

    def show_text(self, text: str, *, shown: Shown | None = None, editable: bool = False) -> None:
        """Show another text; a long one is filled in by and by. `shown`: when it was made on a worker."""
        self._slice.stop()
        self._shown, self._mark = shown or Shown(text), None
        self.setExtraSelections([])
        lines = self._shown.text.split("\n")
        first, self._rest = lines[:SLICE_LINES], lines[SLICE_LINES:]
        self._rest.reverse()
        editable = editable and not self._shown.broken and len(text) <= MOST_EDITED
        self.blockSignals(True)
        self.setUndoRedoEnabled(False)
        self._break_lines(self._shown.text)
        super(PlainEdit, self).setPlainText("\n".join(first))
        self.blockSignals(False)
        self.setReadOnly(not editable)
        if self._rest:
            self._slice.start()
        else:
            self._fill_end()

    def _next_slice(self) -> None:
        piece = self._rest[: -SLICE_LINES - 1 : -1]
        del self._rest[-SLICE_LINES:]
        self.blockSignals(True)
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText("\n" + "\n".join(piece))
        self.blockSignals(False)
        if self._rest:
            self._slice.start()
        else:
            self._fill_end()

    def _fill_end(self) -> None:
        self.setUndoRedoEnabled(not self.isReadOnly())
        self._show_mark(scroll=True)
        self.filled.emit()

    @property
    def complete(self) -> bool:
        """Whether all of the text is in the field."""
        return not self._rest

    def text(self) -> str:
        """What is in the field, as it was written, where it may be edited."""
        return clean(self.document().toRawText())

    def position(self) -> int:
        """Where in the text the cursor is."""
        return self._shown.position(self.textCursor().position())

    def set_editable(self, editable: bool) -> None:
        """Whether the text may be changed; one that is too large cannot be in any case."""
        if editable and (self._shown.broken or self._rest or self.document().characterCount() > MOST_EDITED):
            return
        self.setReadOnly(not editable)
        self.setUndoRedoEnabled(editable)

    def _changed(self) -> None:
        self._mark = None
        if self.extraSelections():
            self.setExtraSelections([])
        self.edited.emit()

    # ------------------------------------------------------------ marking

    def mark(self, start: int, end: int) -> None:
        """Mark a range of the text and scroll to it; nothing is marked where it is empty."""
        if self.document().isModified():
            self._shown = Shown(self.text())
            self.document().setModified(False)
        self._mark = (start, end) if end > start else None
        while self._rest and self._shown.place(end) >= self.document().characterCount():
            self._next_slice()
        self._show_mark(scroll=True)

    def _show_mark(self, *, scroll: bool = False) -> None:
        cursor = self._marked()
        if cursor is None:
            self.setExtraSelections([])
            return
        selection = QTextEdit.ExtraSelection()
        form = QTextCharFormat()
        form.setBackground(QColor(self._theme.tokens.tint))
        selection.format, selection.cursor = form, cursor
        self.setExtraSelections([selection])
        if scroll:
            place = QTextCursor(self.document())
            place.setPosition(cursor.selectionStart())
            self.setTextCursor(place)
            self.centerCursor()
        self.viewport().update()

    def _marked(self) -> QTextCursor | None:
        """The marked range, as far as it is in the field."""
        if self._mark is None:
            return None
        last = self.document().characterCount() - 1
        start, end = (min(last, self._shown.place(position)) for position in self._mark)
        cursor = QTextCursor(self.document())
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        return cursor

    def paintEvent(self, event: QPaintEvent) -> None:
        """The text, and a bar beside what is marked: a ground alone would be told by its colour only."""
        super().paintEvent(event)
        cursor = self._marked()
        if cursor is None:
            return
        start, end = cursor.selectionStart(), cursor.selectionEnd()
        block, offset = self.firstVisibleBlock(), self.contentOffset()
        with QPainter(self.viewport()) as painter:
            while block.isValid():
                box = self.blockBoundingGeometry(block).translated(offset)
                if box.top() > event.rect().bottom() or block.position() >= end:
                    break
                if block.position() + block.length() > start:
                    top = self._line_at(max(start, block.position())).top()
                    bottom = self._line_at(min(end, block.position() + block.length()) - 1).bottom()
                    painter.fillRect(QRectF(1, top, 3, bottom - top + 1), QColor(self._theme.tokens.accent))
                block = block.next()

    def _line_at(self, place: int) -> QRect:
        cursor = QTextCursor(self.document())
        cursor.setPosition(place)
        return self.cursorRect(cursor)

    # ------------------------------------------------------------ what is pasted and dropped

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Files and text, also where the text cannot be changed: they are more to work on."""
        return bool(local_files(source)) or super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Paste text, or hand on files and what is too large for the field."""
        files, text = local_files(source), clean(source.text())
        if files:
            self.files_dropped.emit(files)
        elif len(text) + self.document().characterCount() > MOST_EDITED or _breaks(text, LINE_LIMIT):
            self.huge_pasted.emit(text)
        else:
            self.insertPlainText(text)
            self.ensureCursorVisible()
