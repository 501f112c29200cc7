"""Opening an address that somebody else wrote: the whole of it is shown first."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QLabel, QMessageBox, QWidget


def ask_to_open(url: str, parent: QWidget) -> None:
    """Show where a link leads before a browser opens it; anything but the web and mail is left alone."""
    target = QUrl(url)
    if target.scheme() not in ("http", "https", "mailto"):
        return
    box = QMessageBox(parent)
    box.setWindowTitle(QCoreApplication.translate("Links", "Open link"))
    box.setText(QCoreApplication.translate("Links", "Open this address in the browser?"))
    box.setInformativeText(url)
    box.setStandardButtons(QMessageBox.StandardButton.Open | QMessageBox.StandardButton.Cancel)
    for label in box.findChildren(QLabel):
        label.setTextFormat(label.textFormat().PlainText)
    box.accepted.connect(lambda: QDesktopServices.openUrl(target))
    box.open()
