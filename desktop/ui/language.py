"""The language of the window: its texts and Qt's own, and how numbers and months are written."""

from __future__ import annotations

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

from desktop.ui.theme import RESOURCES

TRANSLATIONS = RESOURCES / "translations"
SYSTEM = "system"
ENGLISH = "en"
CHINESE = "zh_CN"
NAMES = {ENGLISH: "English", CHINESE: "简体中文"}
"""What each language calls itself, so that whoever reads only that one finds it."""


def use_language(app: QApplication, chosen: str) -> None:
    """Use a language for everything that is built from now on: one of NAMES, or SYSTEM."""
    language = language_of_system(QLocale.system().uiLanguages()) if chosen == SYSTEM else chosen
    for old in app.findChildren(QTranslator):
        app.removeTranslator(old)
        old.deleteLater()
    if chosen != SYSTEM:
        QLocale.setDefault(QLocale(language))
    if language == ENGLISH:
        return
    folder_of_qt = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    for name, folder in ((f"qtbase_{language}", folder_of_qt), (f"rolltop_{language}", str(TRANSLATIONS))):
        translator = QTranslator(app)
        if translator.load(name, folder):
            app.installTranslator(translator)


def language_of_system(wanted: list[str]) -> str:
    """The first language of the user's that the app speaks; English when there is none."""
    for name in wanted:
        language = name.replace("_", "-").split("-")[0]
        if language in ("en", "zh"):
            return ENGLISH if language == "en" else CHINESE
    return ENGLISH
