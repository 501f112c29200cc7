"""One model on this computer: what it is, whether it fits, its settings, a note, all it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QLocale, QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.theme import Theme
from desktop.ui.widgets.facts import capability_words, day_text, parameters_text, place_word, size_text
from desktop.ui.widgets.labels import plain_label
from desktop.ui.widgets.own_settings import OwnSettings
from desktop.ui.widgets.plan_view import PlanView

if TYPE_CHECKING:
    from desktop.workbench.collection import ModelEntry
    from models.gguf import GGUFHeader

WIDTH = 372
VALUE = 210
NOTE_HEIGHT = 64
NOTE_MS = 600
"""A note is kept this long after the last key."""


class ModelPage(QScrollArea):
    """The detail page of the library.

    Attributes:
        entry: the model that is shown.
    Signals:
        chat_requested, delete_requested, reveal_requested, quantize_requested(Model): a button was pressed.
        details_requested(Model): the user wants to see all metadata and the chat template.
        note_changed(str id, str note), settings_changed(str id, dict): to be kept.
    """

    chat_requested = Signal(object)
    delete_requested = Signal(object)
    reveal_requested = Signal(object)
    quantize_requested = Signal(object)
    details_requested = Signal(object)
    note_changed = Signal(str, str)
    settings_changed = Signal(str, dict)

    def __init__(self, theme: Theme, default: Callable[[str], Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.entry: ModelEntry | None = None
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFixedWidth(WIDTH)
        self.setProperty("role", "inspector")
        self._name, self._about = plain_label("title"), plain_label("muted")
        self.plan = PlanView(theme)
        self.own = OwnSettings(theme, default)
        self.note = QPlainTextEdit()
        self._facts = QGridLayout()
        self._buttons()
        self._lay_out()
        self._note_timer = QTimer(self)
        self._note_timer.setSingleShot(True)
        self._note_timer.setInterval(NOTE_MS)
        self._note_timer.timeout.connect(self.keep_note)
        self.note.textChanged.connect(self._note_timer.start)
        self.own.changed.connect(self._own_changed)
        self.show_entry(None)

    def show_entry(self, entry: ModelEntry | None) -> None:
        """Show a model; None shows nothing. A note being written is kept first."""
        self.keep_note()
        same = entry is not None and self.entry is not None and entry.model.id == self.entry.model.id
        self.entry = entry
        self._page.setVisible(entry is not None)
        if entry is None:
            return
        model = entry.model
        self._name.setText(model.name)
        words = [model.publisher, *capability_words(model.capabilities)]
        self._about.setText(" · ".join(word for word in words if word))
        self.chat.setEnabled(model.can_generate)
        self._delete.setEnabled(model.place in ("rolltop", "folder"))
        if not same or not self.note.hasFocus():
            self.note.blockSignals(True)
            self.note.setPlainText(entry.note)
            self.note.blockSignals(False)
        self.own.show_values(entry.settings)
        if not same:
            self._show_facts(entry_facts(entry))
        if not same:
            self.plan.clear()
            self.verticalScrollBar().setValue(0)

    def show_details(self, header: GGUFHeader) -> None:
        """Add what the header says beyond the library's facts."""
        if self.entry is not None:
            self._show_facts([*entry_facts(self.entry), *header_facts(header)])

    def keep_note(self) -> None:
        """Hand over a note that was changed and not kept yet."""
        if self._note_pending():
            self._note_timer.stop()
            assert self.entry is not None
            self.note_changed.emit(self.entry.model.id, self.note.toPlainText())

    def _note_pending(self) -> bool:
        return hasattr(self, "_note_timer") and self._note_timer.isActive() and self.entry is not None

    # ------------------------------------------------------------ parts

    def _buttons(self) -> None:
        self.chat = QPushButton(QCoreApplication.translate("Models", "Chat with it"))
        self.chat.setProperty("role", "primary")
        self.chat.clicked.connect(lambda: self._emit(self.chat_requested))
        self._more = QToolButton()
        self._more.setIcon(self._theme.icon("more", "muted"))
        self._more.setIconSize(QSize(16, 16))
        words = QCoreApplication.translate("Models", "More that can be done with this model")
        self._more.setAccessibleName(words)
        self._more.setToolTip(words)
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        for text, signal, icon in (
            (QCoreApplication.translate("Models", "Show in folder"), self.reveal_requested, "folder"),
            (QCoreApplication.translate("Models", "All metadata"), self.details_requested, "info"),
            (QCoreApplication.translate("Models", "Make it smaller…"), self.quantize_requested, "chip"),
        ):
            action = menu.addAction(self._theme.icon(icon, "muted"), text)
            action.triggered.connect(lambda _=False, signal=signal: self._emit(signal))
        menu.addSeparator()
        words = QCoreApplication.translate("Models", "Delete…")
        self._delete = menu.addAction(self._theme.icon("trash", "muted"), words)
        self._delete.triggered.connect(lambda: self._emit(self.delete_requested))
        self._more.setMenu(menu)

    def _emit(self, signal: Any) -> None:
        if self.entry is not None:
            signal.emit(self.entry.model)

    def _lay_out(self) -> None:
        page = self._page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(20, 16, 20, 20)
        column.setSpacing(8)
        self._name.setWordWrap(True)
        self._about.setWordWrap(True)
        column.addWidget(self._name)
        column.addWidget(self._about)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.chat)
        buttons.addWidget(self._more)
        buttons.addStretch(1)
        column.addSpacing(4)
        column.addLayout(buttons)
        self._section(column, QCoreApplication.translate("Models", "Memory"), self.plan)
        self._section(column, QCoreApplication.translate("Models", "Settings of this model"), self.own)
        note = QCoreApplication.translate("Models", "Note")
        self.note.setFixedHeight(NOTE_HEIGHT)
        self.note.setTabChangesFocus(True)
        self.note.setAccessibleName(note)
        self.note.setPlaceholderText(QCoreApplication.translate("Models", "What is it good for?"))
        self._section(column, note, self.note)
        facts = QWidget()
        facts.setLayout(self._facts)
        self._facts.setContentsMargins(0, 0, 0, 0)
        self._facts.setHorizontalSpacing(12)
        self._facts.setVerticalSpacing(4)
        self._facts.setColumnStretch(1, 1)
        self._section(column, QCoreApplication.translate("Models", "Details"), facts)
        column.addStretch(1)
        self.setWidget(page)

    def _section(self, column: QVBoxLayout, title: str, body: QWidget) -> None:
        head = plain_label("section")
        head.setText(title.upper())
        line = QFrame()
        line.setProperty("role", "line")
        column.addSpacing(8)
        column.addWidget(line)
        column.addSpacing(4)
        column.addWidget(head)
        column.addWidget(body)

    def _show_facts(self, facts: list[tuple[str, str]]) -> None:
        while (item := self._facts.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for row, (name, value) in enumerate(fact for fact in facts if fact[1]):
            left, right = plain_label("fact"), plain_label("")
            left.setText(name)
            right.setText(value)
            right.setWordWrap(True)
            right.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            # A layout inside a scrolling page would give wrapped lines less room than they need.
            right.setFixedWidth(VALUE)
            right.setMinimumHeight(right.heightForWidth(VALUE))
            self._facts.addWidget(left, row, 0, Qt.AlignmentFlag.AlignTop)
            self._facts.addWidget(right, row, 1)

    def _own_changed(self, values: Mapping[str, Any]) -> None:
        if self.entry is not None:
            self.settings_changed.emit(self.entry.model.id, dict(values))


def entry_facts(entry: ModelEntry) -> list[tuple[str, str]]:
    """What the library knows about a model, as (name, value); empty values included."""
    model, locale = entry.model, QLocale()
    context = locale.toString(model.context_length) if model.context_length else ""
    files = "\n".join(_breakable(str(path)) for path in model.shards)
    return [
        (QCoreApplication.translate("Models", "Parameters"), parameters_text(model.parameters)),
        (QCoreApplication.translate("Models", "Quantization"), model.quantization),
        (QCoreApplication.translate("Models", "Size"), size_text(model.size_bytes)),
        (QCoreApplication.translate("Models", "Context"), context),
        (QCoreApplication.translate("Models", "Licence"), model.license),
        (QCoreApplication.translate("Models", "Found in"), place_word(model.place)),
        (QCoreApplication.translate("Models", "Last used"), day_text(entry.used)),
        (QCoreApplication.translate("Models", "Id"), model.id),
        (QCoreApplication.translate("Models", "Files"), files),
        (
            QCoreApplication.translate("Models", "Image part"),
            _breakable(str(model.mmproj)) if model.mmproj else "",
        ),
    ]


def header_facts(header: GGUFHeader) -> list[tuple[str, str]]:
    """The numbers of a header that tell people something."""
    arch, locale = header.architecture, QLocale()
    numbers = (
        (QCoreApplication.translate("Models", "Layers"), header.layers),
        (QCoreApplication.translate("Models", "Embedding"), header.embedding_size),
        (QCoreApplication.translate("Models", "Heads"), header.number(f"{arch}.attention.head_count")),
        (
            QCoreApplication.translate("Models", "Key/value heads"),
            header.number(f"{arch}.attention.head_count_kv"),
        ),
        (QCoreApplication.translate("Models", "Experts"), header.number(f"{arch}.expert_count")),
    )
    facts = [(QCoreApplication.translate("Models", "Architecture"), arch)]
    return facts + [(name, locale.toString(number)) for name, number in numbers if number]


def _breakable(path: str) -> str:
    """A path that may be broken into lines after its separators."""
    return path.replace("/", "/\u200b").replace("\\", "\\\u200b")
