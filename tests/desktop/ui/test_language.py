"""The window in another language: every text is translated, and the setting decides."""

from __future__ import annotations

import importlib.util
import re
import string
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from flows.story import Story
from PySide6.QtCore import QCoreApplication, QLocale, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QTreeView,
    QWidget,
)

from desktop.ui.app import application
from desktop.ui.language import CHINESE, ENGLISH, NAMES, TRANSLATIONS, language_of_system, use_language
from desktop.ui.notices import error_text
from desktop.ui.panels.models import ModelsPanel
from desktop.ui.widgets.memory_bar import MemoryBar
from desktop.workbench.settings import BY_KEY
from desktop.workbench.turn import ContextFull
from models.catalogue import catalogue
from models.engine.scripted import Answer, ScriptedEngine

SCRIPT = Path(__file__).resolve().parents[3] / "packaging" / "translations.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("translations", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def app() -> Iterator[QApplication]:
    before = QLocale()
    app = application()
    yield app
    use_language(app, ENGLISH)
    QLocale.setDefault(before)


def fields(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)


def filled(text: str) -> re.Pattern[str]:
    """What a text may look like when something stands in its fields; heads are in capitals."""
    parts = (
        re.escape(words) + (".+" if name else "") for words, name, _, _ in string.Formatter().parse(text)
    )
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


def texts_of(window: QWidget) -> set[str]:
    """What is written in a window, seen or told by a screen reader, but for the lines of a text."""
    seen = set()
    for part in (window, *window.findChildren(QWidget)):
        seen |= {part.toolTip(), part.accessibleName(), part.accessibleDescription()}
        match part:
            case QAbstractButton() | QLabel():
                seen.add(part.text())
            case QLineEdit() | QPlainTextEdit():
                seen.add(part.placeholderText())
            case QComboBox():
                seen |= {part.itemText(place) for place in range(part.count())}
            case QMenu():
                seen |= {action.text() for action in part.actions()}
            case QAbstractItemView():
                seen |= rows_of(part)
    return seen


def rows_of(view: QAbstractItemView) -> set[str]:
    """The rows of a list or a table, and the heads of its columns."""
    model = view.model()
    if model is None:
        return set()
    columns = range(model.columnCount() if isinstance(view, QTreeView) else 1)
    seen = {model.headerData(column, Qt.Orientation.Horizontal) for column in columns}
    for row in range(model.rowCount()):
        for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            seen |= {model.index(row, column).data(role) for column in columns}
    return {text for text in seen if isinstance(text, str)}


def test_every_text_is_found_and_translated(script: ModuleType) -> None:
    found = script.texts()
    assert ("Errors", "The model stopped working ({reason}).") in found  # of the lower floors
    assert ("Errors", "This message is no longer there.") in found  # not written where it is raised
    assert ("Settings", BY_KEY["temperature"].help) in found  # data
    assert ("Actions", "New chat") in found
    assert ("Catalogue", catalogue()[0].description) in found
    assert ("Network", "Searching models") in found  # the reason of a connection
    assert ("Network", "devices") not in found  # asked of a child, not of the network
    for language in script.LANGUAGES:
        known = script.translations(TRANSLATIONS / f"rolltop_{language}.ts")
        assert set(known) == set(found), "run packaging/translations.py and translate what it names"
        for (context, text), translation in known.items():
            assert fields(translation) == fields(text), f"{context}: {text}"


def test_what_the_app_reads_is_compiled_of_the_present_texts(script: ModuleType, tmp_path: Path) -> None:
    for language in script.LANGUAGES:
        copy = tmp_path / f"rolltop_{language}.ts"
        copy.write_bytes((TRANSLATIONS / copy.name).read_bytes())
        fresh = script.compiled(copy).read_bytes()
        assert fresh == (TRANSLATIONS / copy.name).with_suffix(".qm").read_bytes()


def test_the_names_of_the_languages_are_the_choices_of_the_setting() -> None:
    assert BY_KEY["language"].choices == ("system", *NAMES)


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        (["zh-Hans-CN", "en"], CHINESE),
        (["zh_TW"], CHINESE),
        (["de-DE", "zh-CN"], CHINESE),
        (["en-GB", "zh-CN"], ENGLISH),
        (["de-DE"], ENGLISH),
        (["C"], ENGLISH),
        ([], ENGLISH),
    ],
)
def test_the_system_asks_for_a_language(wanted: list[str], language: str) -> None:
    assert language_of_system(wanted) == language


def test_errors_of_the_lower_floors_are_told_in_the_language(app: QApplication) -> None:
    error = ContextFull(5000, 4096, 256)
    assert error_text(error)[0].startswith("This does not fit")
    use_language(app, CHINESE)
    sentence, hint = error_text(error)
    assert sentence == "放不下：提示词有 5000 个词元，而上下文只能容纳 4096 个，其中 256 个留给回答。"
    assert "上下文" in hint
    use_language(app, ENGLISH)
    assert error_text(error)[0].startswith("This does not fit")


def test_a_window_in_chinese_has_no_english_left(
    app: QApplication, script: ModuleType, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    story = Story(folder, start_engine=ScriptedEngine.starter([Answer(["你好！"])]))
    story.workbench.settings.set("language", CHINESE)
    story.close()

    story = Story(folder, start_engine=ScriptedEngine.starter([Answer(["你好！"])]))
    story.ask("Hello?")
    seen = texts_of(story.window)
    assert {"对话", "设置"} <= seen
    story.do("panel_settings")
    seen |= texts_of(story.window)
    story.do("panel_models")
    panel = story.window.panels["models"]
    assert isinstance(panel, ModelsPanel)
    page = panel.library_page.page
    story.until(page.plan.verdict.text, "the plan of the model")
    seen |= texts_of(panel)
    panel.show_page("find")
    story.until(panel.find_page.list.items.rowCount, "the recommendations")
    panel.show_page("hardware")
    story.until(lambda: len(panel.hardware_page.findChildren(MemoryBar)) > 0, "the devices")
    seen |= texts_of(panel)
    story.close()
    assert {"温度", "系统提示词".upper(), "搜索对话", "参数量", "版本"} <= seen
    assert not {text for text in seen if any(word in ENGLISH_WORDS for word in text.split())}
    known = script.translations(TRANSLATIONS / f"rolltop_{CHINESE}.ts")
    english = [
        filled(source)
        for (_, source), translation in known.items()
        if translation != source and re.search("[a-z]{3}", re.sub(r"{.*?}", "", source))
    ]
    assert not {text for text in seen if any(pattern.fullmatch(text) for pattern in english)}
    assert QCoreApplication.translate("Actions", "New chat") == "新对话"


ENGLISH_WORDS = {
    "the",
    "The",
    "a",
    "of",
    "is",
    "and",
    "model",
    "Model",
    "Context",
    "tokens",
    "Search",
    "ready",
}
