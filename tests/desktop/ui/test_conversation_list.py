"""The conversation list: groups by day, search, keyboard, and speed with many conversations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QApplication, QLineEdit, QStyleOptionViewItem
from pytestqt.qtbot import QtBot

from desktop.ui.jobs import Jobs
from desktop.ui.theme import Theme
from desktop.ui.widgets.conversation_list import ConversationItems, ConversationList, facts
from desktop.ui.widgets.history_list import Group, HistoryDelegate, group_of, group_title, grouped
from desktop.workbench.store import ConversationRow, Store

NOW = datetime(2026, 3, 15, 0, 30, tzinfo=timezone(timedelta(hours=2)))


def row(id: str, updated: datetime, *, title: str = "", messages: int = 2) -> ConversationRow:
    """A conversation that was last changed at a moment."""
    return ConversationRow(
        id=id,
        title=title or id,
        created=0.0,
        updated=updated.timestamp(),
        system="",
        model="",
        settings={},
        leaf="m",
        messages=messages,
    )


@pytest.mark.parametrize(
    ("moment", "group"),
    [
        (NOW, Group("today")),
        (NOW.replace(hour=0, minute=0), Group("today")),
        (NOW + timedelta(days=3), Group("today")),
        (NOW - timedelta(minutes=31), Group("yesterday")),
        (NOW - timedelta(days=1), Group("yesterday")),
        (NOW - timedelta(days=2), Group("week")),
        (NOW - timedelta(days=7), Group("week")),
        (NOW - timedelta(days=8), Group("month")),
        (NOW - timedelta(days=30), Group("month")),
        (NOW - timedelta(days=31), Group("calendar", 2026, 2)),
        (NOW - timedelta(days=365), Group("calendar", 2025, 3)),
    ],
)
def test_groups_go_by_calendar_day(moment: datetime, group: Group) -> None:
    assert group_of(moment, NOW) == group


def groups(rows: list[ConversationRow], now: datetime) -> list[Group]:
    """The headings of a list, from above."""
    return list(grouped(rows, now, lambda row: row.updated))


def test_the_day_is_that_of_the_reader() -> None:
    moment = datetime(2026, 3, 14, 22, 15, tzinfo=UTC)
    assert groups([row("a", moment)], NOW) == [Group("today")]
    assert groups([row("a", moment)], NOW.astimezone(UTC)) == [Group("today")]
    early = moment - timedelta(hours=1)
    assert groups([row("a", early)], NOW) == [Group("yesterday")]
    assert groups([row("a", early)], NOW.astimezone(UTC)) == [Group("today")]


def test_sections_are_in_order_newest_first() -> None:
    rows = [row(str(days), NOW - timedelta(days=days)) for days in (40, 0, 1, 3, 2, 400)]
    sections = grouped(rows, NOW, lambda row: row.updated)
    assert [group.span for group in sections] == ["today", "yesterday", "week", *["calendar"] * 2]
    assert [member.id for member in sections[Group("week")]] == ["2", "3"]


def test_heading_words() -> None:
    assert group_title(Group("week"), NOW) == "Last 7 days"
    assert group_title(Group("calendar", 2026, 2), NOW) == "February"
    assert group_title(Group("calendar", 2025, 12), NOW) == "December 2025"


def test_fact_words() -> None:
    assert [facts(row("a", NOW, messages=count)) for count in (0, 1, 12)] == [
        "Draft",
        "1 message",
        "12 messages",
    ]


def test_headings_can_be_neither_selected_nor_edited(qapp: QApplication) -> None:
    items = ConversationItems()
    items.set_rows([row("a", NOW)], NOW)
    assert items.rowCount() == 2
    assert items.flags(items.index(0)) == Qt.ItemFlag.NoItemFlags
    assert items.flags(items.index(1)) & Qt.ItemFlag.ItemIsEditable
    assert items.place("a").row() == 1
    assert not items.place("gone").isValid()


def test_a_conversation_being_answered_says_so(qapp: QApplication) -> None:
    items = ConversationItems()
    items.set_rows([row("a", NOW), row("b", NOW)], NOW)
    items.set_busy({"a"})
    assert items.data(items.place("a"), items.FACTS) == "writing…"
    assert items.data(items.place("b"), items.FACTS) == "2 messages"
    items.set_busy(set())
    assert items.data(items.place("a"), items.FACTS) == "2 messages"


# ---------------------------------------------------------------- the widget


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A real store with three conversations."""
    store = Store.open(tmp_path / "rolltop.db")
    for title in ("Garden", "Lighthouse", "Contract"):
        conversation = store.create_conversation(title=title)
        store.add_message(conversation.id, None, "user", f"Tell me about the {title.lower()}")
    yield store
    store.close()


@pytest.fixture
def shown(qtbot: QtBot, qapp: QApplication, store: Store) -> Iterator[ConversationList]:
    """The list on the screen, filled."""
    theme, jobs = Theme(), Jobs()
    theme.apply(qapp)
    widget = ConversationList(store, jobs, theme)
    qtbot.addWidget(widget)
    widget.resize(250, 600)
    widget.show()
    widget.refresh()
    qtbot.waitUntil(lambda: len(widget.items.ids()) == 3)
    yield widget
    jobs.close()


def titles(shown: ConversationList) -> list[str]:
    """The titles in the list, in order."""
    return [shown.title_of(id) for id in shown.items.ids()]


def test_it_shows_what_is_stored_newest_first(shown: ConversationList) -> None:
    assert titles(shown) == ["Contract", "Lighthouse", "Garden"]
    assert shown.items.data(shown.items.index(0)) == "Today"


def test_search_finds_words_in_messages_and_esc_clears(qtbot: QtBot, shown: ConversationList) -> None:
    shown.focus_search()
    qtbot.keyClicks(shown.search, "lighthouse")
    qtbot.waitUntil(lambda: titles(shown) == ["Lighthouse"])
    qtbot.keyClicks(shown.search, "xyz")
    qtbot.waitUntil(lambda: titles(shown) == [])
    assert shown.empty.isVisible()
    assert "lighthousexyz" in shown.empty.text()
    qtbot.keyClick(shown.search, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: len(titles(shown)) == 3)
    assert not shown.empty.isVisible()


def test_keyboard_alone(qtbot: QtBot, shown: ConversationList) -> None:
    qtbot.keyClick(shown.search, Qt.Key.Key_Down)
    assert shown.view.hasFocus()
    qtbot.keyClick(shown.view, Qt.Key.Key_Down)
    with qtbot.waitSignal(shown.opened) as opened:
        qtbot.keyClick(shown.view, Qt.Key.Key_Return)
    assert shown.title_of(opened.args[0]) == "Lighthouse"
    qtbot.keyClick(shown.view, Qt.Key.Key_Up)
    with qtbot.waitSignal(shown.delete_requested) as deleted:
        qtbot.keyClick(shown.view, Qt.Key.Key_Delete)
    assert shown.title_of(deleted.args[0]) == "Contract"


def test_f2_renames_in_place(qtbot: QtBot, shown: ConversationList) -> None:
    qtbot.keyClick(shown.search, Qt.Key.Key_Down)
    qtbot.keyClick(shown.view, Qt.Key.Key_F2)
    editor = next(field for field in shown.view.findChildren(QLineEdit) if field.isVisible())
    assert editor.text() == "Contract"
    qtbot.keyClicks(editor, "Notice periods")
    with qtbot.waitSignal(shown.renamed) as renamed:
        qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert renamed.args[1] == "Notice periods"


def test_the_open_conversation_stays_selected_over_a_refresh(
    qtbot: QtBot, shown: ConversationList, store: Store
) -> None:
    chosen = shown.items.ids()[1]
    shown.set_current(chosen)
    extra = store.create_conversation(title="New")
    store.add_message(extra.id, None, "user", "hello")
    shown.refresh()
    qtbot.waitUntil(lambda: len(shown.items.ids()) == 4)
    assert shown.items.row(shown.view.currentIndex()).id == chosen
    assert shown.neighbour(-1) == shown.items.ids()[1]
    assert shown.neighbour(1) == shown.items.ids()[3]
    shown.set_current("")
    assert shown.view.currentIndex() == QModelIndex()
    assert shown.neighbour(1) == shown.items.ids()[0]


def test_the_menu_offers_rename_export_and_delete(qtbot: QtBot, shown: ConversationList) -> None:
    chosen = shown.items.ids()[0]
    menu = shown.menu_for(chosen)
    qtbot.addWidget(menu)
    rename, export, delete = [action for action in menu.actions() if not action.isSeparator()]
    with qtbot.waitSignal(shown.export_requested) as asked:
        export.trigger()
    assert asked.args == [chosen]
    with qtbot.waitSignal(shown.delete_requested) as asked:
        delete.trigger()
    assert asked.args == [chosen]
    rename.trigger()
    assert shown.view.state() == shown.view.State.EditingState


class CountingDelegate(HistoryDelegate):
    """Counts the rows it paints."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.painted: set[int] = set()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint as ever."""
        self.painted.add(index.row())
        super().paint(painter, option, index)


def test_thousands_of_conversations_cost_no_more_for_painting(qtbot: QtBot, shown: ConversationList) -> None:
    delegate = CountingDelegate(Theme())
    shown.view.setItemDelegate(delegate)
    shown.items.set_rows([row(str(n), NOW - timedelta(hours=n)) for n in range(2_000)], NOW)
    shown.grab()
    assert 5 < len(delegate.painted) < 40
