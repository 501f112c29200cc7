"""The field for the hub's access token: what is in it is never shown, only whether there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QWidget

from desktop.ui.jobs import Jobs

if TYPE_CHECKING:
    from desktop.workbench.token import Token

WIDTH = 240


class TokenField(QWidget):
    """Takes a token and hands it to the system's safe on a worker.

    Signals:
        failed(Exception): it is no token.
        kept(bool): it was taken; False when it lives until the app ends, for want of a safe.
    """

    failed = Signal(object)
    kept = Signal(bool)

    def __init__(self, token: Token, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._token, self._jobs = token, jobs
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setFixedWidth(WIDTH)
        self.field.setMaxLength(500)
        self.field.setAccessibleName(QCoreApplication.translate("Settings", "Access token"))
        self.field.editingFinished.connect(self._keep)
        self.forget = QPushButton(QCoreApplication.translate("Settings", "Forget"))
        self.forget.setAccessibleName(QCoreApplication.translate("Settings", "Forget the access token"))
        self.forget.clicked.connect(lambda: self._set(""))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.forget)
        row.addWidget(self.field)
        self._show(False)
        jobs.run(lambda: bool(token.get()), self._show, lambda _error: None)

    def _keep(self) -> None:
        text = self.field.text().strip()
        if text:
            self._set(text)

    def _set(self, text: str) -> None:
        self.field.clear()

        def done(safe: bool) -> None:
            self._show(bool(text))
            self.kept.emit(safe)

        self._jobs.run(lambda: self._token.set(text), done, self.failed.emit)

    def _show(self, there: bool) -> None:
        self.forget.setVisible(there)
        words = QCoreApplication.translate("Settings", "none")
        if there:
            words = QCoreApplication.translate("Settings", "kept; enter another one to change it")
        self.field.setPlaceholderText(words)
