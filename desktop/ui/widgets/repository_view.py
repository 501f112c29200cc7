"""A repository of the hub: its files by quantization, which of them fit here, and what its makers say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.actions import QT_TRANSLATE_NOOP
from desktop.ui.theme import Theme
from desktop.ui.widgets.facts import count_text, day_text, size_text, verdict_word
from desktop.ui.widgets.formula import Formulas
from desktop.ui.widgets.labels import plain_label
from desktop.ui.widgets.links import ask_to_open
from desktop.ui.widgets.prose import Prose

if TYPE_CHECKING:
    from models.hub import Offer, Repository

QUALITY: dict[str, str] = {
    "lossless": QT_TRANSLATE_NOOP("Hub", "as the original"),
    "tiny_loss": QT_TRANSLATE_NOOP("Hub", "hardly any loss"),
    "small_loss": QT_TRANSLATE_NOOP("Hub", "small loss"),
    "noticeable_loss": QT_TRANSLATE_NOOP("Hub", "noticeable loss"),
    "large_loss": QT_TRANSLATE_NOOP("Hub", "large loss"),
}
"""The expected quality of a quantization in words."""


class CardView(QWidget):
    """A model card: Markdown in which HTML is left out and images are not fetched."""

    def __init__(self, theme: Theme, formulas: Formulas, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.prose = Prose(theme, formulas, parent=self)
        self.prose.resized.connect(self._fit)
        self.prose.link_activated.connect(lambda url: ask_to_open(url, self))

    def set_text(self, text: str) -> None:
        """Show another card."""
        self.prose.set_text(without_html(text))
        self.prose.finish()
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        height = self.prose.lay_out(max(60, self.width()))
        self.prose.setGeometry(0, 0, self.width(), height)
        if self.minimumHeight() != height:
            self.setFixedHeight(height)


class RepositoryView(QScrollArea):
    """Shows a repository once it is known; decides nothing.

    Attributes:
        repository: what is shown.
    Signals:
        download_requested(Repository, Offer): a button was pressed.
        page_requested(str repo): open its page in the browser.
    """

    download_requested = Signal(object, object)
    page_requested = Signal(str)

    def __init__(self, theme: Theme, formulas: Formulas, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.repository: Repository | None = None
        self._verdicts: Mapping[str, str] = {}
        self._here: frozenset[str] = frozenset()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._title, self._facts, self._gate = plain_label("title"), plain_label("fact"), plain_label("muted")
        self._page = QPushButton(QCoreApplication.translate("Hub", "Its page on the web"))
        self._page.setProperty("role", "link")
        self._page.clicked.connect(lambda: self.page_requested.emit(self._title.text()))
        self._files = QFrame()
        self._files.setProperty("role", "card")
        self._grid = QGridLayout(self._files)
        self.buttons: list[QPushButton] = []
        self.card = CardView(theme, formulas)
        self._lay_out()

    def begin(self, repo: str) -> None:
        """Say which repository is being asked about."""
        self.repository = None
        self._title.setText(repo)
        self._facts.setText(QCoreApplication.translate("Hub", "Asking the hub…"))
        self._gate.hide()
        self._files.hide()
        self.card.set_text("")
        self.verticalScrollBar().setValue(0)

    def show_repository(
        self, repository: Repository, verdicts: Mapping[str, str], here: frozenset[str] = frozenset()
    ) -> None:
        """Show the files; `verdicts` says by the name of an offer's first file whether it fits.

        `here` are the paths in the repository that are on this computer already.
        """
        self.repository, self._verdicts, self._here = repository, verdicts, here
        self._title.setText(repository.repo)
        self._facts.setText(repository_line(repository))
        self._gate.setVisible(bool(repository.gated))
        self._gate.setText(
            QCoreApplication.translate(
                "Hub",
                "Its makers ask for your agreement: accept it on its page on the web, and put your access "
                "token into the settings.",
            )
        )
        self._fill_files(repository)

    def show_card(self, text: str) -> None:
        """Show what its makers say."""
        self.card.set_text(text)

    # ------------------------------------------------------------ parts

    def _lay_out(self) -> None:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(24, 0, 24, 24)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(self._page)
        self._gate.setWordWrap(True)
        self._title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._grid.setContentsMargins(16, 6, 10, 6)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(2, 1)
        column.addLayout(head)
        for widget in (self._facts, self._gate, self._files, self.card):
            column.addWidget(widget)
        column.addStretch(1)
        self.setWidget(page)

    def _fill_files(self, repository: Repository) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self.buttons = []
        for row, offer in enumerate(repository.offers):
            for column, widget in enumerate(self._row(repository, offer)):
                self._grid.addWidget(widget, row, column, Qt.AlignmentFlag.AlignVCenter)
        if not repository.offers:
            none = plain_label("muted")
            none.setText(QCoreApplication.translate("Hub", "There is no GGUF file in this repository."))
            self._grid.addWidget(none, 0, 0)
        self._files.show()

    def _row(self, repository: Repository, offer: Offer) -> list[QWidget]:
        name, size, quality, verdict = (plain_label(role) for role in ("", "muted", "fact", "fact"))
        name.setText(offer.quantization)
        size.setText(size_text(offer.size))
        loss = QUALITY.get(offer.quality, "")
        quality.setText(QCoreApplication.translate("Hub", loss))
        if offer.recommended:
            name.setText(f"{offer.quantization}  ★")
            words = QCoreApplication.translate("Hub", "{quality} · recommended here")
            quality.setText(words.format(quality=quality.text()))
        found = self._verdicts.get(offer.files[0].path, "")
        verdict.setText(verdict_word(found) if found else "")
        verdict.setProperty("role", {"fits": "good", "too_big": "bad"}.get(found, "muted"))
        name.setToolTip("\n".join(file.path for file in offer.files))
        return [name, size, quality, verdict, self._button(repository, offer)]

    def _button(self, repository: Repository, offer: Offer) -> QPushButton:
        here = offer.files[0].path in self._here
        words = QCoreApplication.translate("Hub", "Download")
        button = QPushButton(QCoreApplication.translate("Hub", "is here") if here else words)
        button.setEnabled(not here)
        button.setProperty("role", "primary" if offer.recommended and not here else "")
        button.setAccessibleName(f"{words}: {repository.repo} {offer.quantization}")
        button.clicked.connect(lambda: self.download_requested.emit(repository, offer))
        self.buttons.append(button)
        return button


def repository_line(repository: Repository) -> str:
    """Licence, downloads, likes and date in one line."""
    parts = [
        repository.license,
        QCoreApplication.translate("Hub", "{n} downloads").format(n=count_text(repository.downloads)),
        QCoreApplication.translate("Hub", "{n} likes").format(n=count_text(repository.likes)),
    ]
    if repository.updated is not None:
        words = QCoreApplication.translate("Hub", "changed {day}")
        parts.append(words.format(day=day_text(repository.updated)))
    return " · ".join(part for part in parts if part)


_TAG = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>]{0,2000}>", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\]\[]{0,300})\]\([^()\s]{0,2000}\)")


def without_html(card: str) -> str:
    """A card as plain Markdown: tags and comments go, an image leaves its description."""
    return re.sub(r"\n{3,}", "\n\n", _IMAGE.sub(r"\1", _TAG.sub("", card))).strip()
