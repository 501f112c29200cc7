"""What tasks are shown with: the list of runs, how far one is, its parts, its result with links."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QLocale, QPoint, QPointF, QRectF, Qt
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from desktop.ui.jobs import Jobs
from desktop.ui.theme import Theme
from desktop.ui.widgets.flow import FlowLayout
from desktop.ui.widgets.linked_prose import aligned
from desktop.ui.widgets.part_tree import PartTree, range_text
from desktop.ui.widgets.problem_list import ProblemList, problem_text
from desktop.ui.widgets.result_view import ResultView, coverage_text
from desktop.ui.widgets.run_list import RunList
from desktop.ui.widgets.task_bar import TaskBar
from desktop.workbench.links import Link
from desktop.workbench.problems import Problem
from desktop.workbench.reading.document import Block, Document
from desktop.workbench.store.records import PartRow, RunRow
from desktop.workbench.workbench import Workbench
from models.engine.scripted import ScriptedEngine

WAIT = 15_000
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> Theme:
    theme = Theme()
    theme.apply(qapp)
    return theme


@pytest.fixture
def jobs(qapp: QApplication) -> Iterator[Jobs]:
    jobs = Jobs()
    yield jobs
    jobs.close()


# ---------------------------------------------------------------- how far


def test_progress_is_told_in_words(qtbot: QtBot, look: Theme) -> None:
    bar = TaskBar(look)
    qtbot.addWidget(bar)
    bar.show_progress(0.256, 40, "3 of 12 parts")
    assert bar.label.text() == "3 of 12 parts · 25 % · about 40 s left"
    assert bar.accessibleName() == bar.label.text()
    bar.show_progress(0.3, None)
    assert bar.label.text() == "30 %"
    bar.show_loading(0.5, "SmolLM2")
    assert bar.label.text() == "Loading SmolLM2 · 50 %"
    with qtbot.waitSignal(bar.stop_requested):
        qtbot.mouseClick(bar.stop, LEFT)


def test_what_comes_after_stop_says_nothing_new(qtbot: QtBot, look: Theme) -> None:
    bar = TaskBar(look)
    qtbot.addWidget(bar)
    bar.show_progress(0.2, None)
    bar.set_stopping()
    bar.show_progress(0.3, None)
    assert bar.label.text() == "Stopping…"
    assert not bar.stop.isEnabled()
    bar.show_stopped("Stopped. 3 of 12 parts are done.")
    assert bar.label.text().startswith("Stopped.")
    assert not bar.resume.isHidden()
    assert bar.stop.isHidden()
    with qtbot.waitSignal(bar.resume_requested):
        qtbot.mouseClick(bar.resume, LEFT)
    bar.hide()
    bar.show_progress(0.3, None)
    assert bar.stop.isEnabled()


# ---------------------------------------------------------------- remarks


def test_remarks_are_filled_in_also_as_they_are_stored() -> None:
    problem = Problem("empty_page", "Page {n} is a picture.", {"n": 3})
    stored = {"code": "empty_page", "template": "Page {n} is a picture.", "params": {"n": 3}}
    assert problem_text(problem) == problem_text(stored) == "Page 3 is a picture."
    assert problem_text({"template": "Page {n}."}) == "Page {n}."


def test_many_remarks_are_shown_on_demand(qtbot: QtBot, look: Theme) -> None:
    problems = ProblemList(look)
    qtbot.addWidget(problems)
    assert problems.isHidden()
    problems.set_problems(
        [Problem("a", f"Line {number}.") for number in range(9)] + [Problem("a", "Line 0.")]
    )
    assert len(problems.lines) == 9
    assert "Line 2." in problems.accessibleName()
    assert "Line 3." not in problems.accessibleName()
    more = problems.findChild(QPushButton)
    assert more is not None
    assert more.text() == "6 more"
    qtbot.mouseClick(more, LEFT)
    assert "Line 8." in problems.accessibleName()
    assert more.isHidden()
    problems.set_problems(())
    assert problems.isHidden()


# ---------------------------------------------------------------- a row that flows


def test_choices_flow_into_rows(qtbot: QtBot) -> None:
    box = QWidget()
    qtbot.addWidget(box)
    flow = FlowLayout(box, spacing=10)
    buttons = [QPushButton(str(number)) for number in range(4)]
    for button in buttons:
        button.setFixedSize(100, 30)
        flow.addWidget(button)
    assert flow.heightForWidth(430) == 30
    assert flow.heightForWidth(429) == flow.heightForWidth(210) == 70
    assert flow.heightForWidth(50) == 150
    box.resize(210, 70)
    box.show()
    assert buttons[2].pos() == QPoint(0, 40)
    buttons[0].hide()
    assert flow.heightForWidth(320) == 30


# ---------------------------------------------------------------- parts


def part(number: int, level: int = 0, **fields: Any) -> PartRow:
    start = int(fields.pop("start", 10 * number))
    fields = {"source": 0, "end": start + 10} | fields
    return PartRow(number=number, level=level, start=start, **fields)


PAGED = Document(
    "book.pdf",
    "pdf",
    "x" * 40,
    tuple(Block("paragraph", 10 * n, 10 * n + 10, page=n + 1) for n in range(4)),
    unit="page",
    pages=4,
)


def children(tree: PartTree, name: str) -> list[str]:
    (item,) = tree.findItems(name, Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchRecursive)
    return [item.child(row).text(0) for row in range(item.childCount())]


def test_parts_grow_into_a_tree(qtbot: QtBot, look: Theme) -> None:
    tree = PartTree(look)
    qtbot.addWidget(tree)
    tree.set_documents([PAGED])
    tree.add_parts([part(0, title="Opening"), part(1), part(2), part(3)])
    assert tree.topLevelItemCount() == 4
    assert tree.topLevelItem(0).text(0) == "Part 1 · Opening"
    tree.add_parts([part(4, 1, inputs=(0, 1), start=0, end=20), part(5, 1, inputs=(2, 3), start=20, end=40)])
    tree.add_parts([part(6, 2, inputs=(4, 5), start=0, end=40)])
    assert tree.topLevelItemCount() == 1
    assert children(tree, "Summary") == ["Parts 1–2", "Parts 3–4"]
    assert children(tree, "Parts 3–4") == ["Part 3", "Part 4"]
    whole = tree.part(6)
    assert whole is not None
    assert tree.where(whole) == "pages 1–4"
    assert range_text(PAGED, 10, 20) == "page 2"


def test_the_state_of_a_part_is_told_in_words(qtbot: QtBot, look: Theme) -> None:
    tree = PartTree(look)
    qtbot.addWidget(tree)
    tree.set_parts([part(0), part(1)])
    first = tree.topLevelItem(0)
    assert first.text(2) == "waiting"
    tree.set_writing(0)
    assert first.text(2) == "writing…"
    tree.update_part(part(0, attempts=1))
    assert first.text(2) == "asked again"
    failed = {"code": "loop", "template": "It went round in circles.", "params": {}}
    tree.update_part(part(0, attempts=2, status="failed", problems=(failed,)))
    assert first.text(2).startswith("failed: It went")
    assert "circles" in first.data(0, Qt.ItemDataRole.AccessibleTextRole)
    tree.update_part(part(1, status="done"))
    assert tree.progress() == (2, 2)


def test_several_texts_have_a_tree_each(qtbot: QtBot, look: Theme) -> None:
    tree = PartTree(look)
    qtbot.addWidget(tree)
    tree.set_documents([PAGED, replace_name(PAGED, "other.pdf")])
    parts = [part(0), part(1), part(2, source=1, start=0), part(3, source=1, start=10)]
    tree.set_parts([*parts, part(4, 1, inputs=(0, 1)), part(5, 1, source=1, inputs=(2, 3))])
    assert [tree.topLevelItem(row).text(0) for row in range(2)] == ["book.pdf", "other.pdf"]
    assert tree.where(parts[3]) == "other.pdf, page 2"
    tree.add_parts([part(6, 2, source=-1, inputs=(4, 5))])
    assert children(tree, "Summary") == ["book.pdf", "other.pdf"]


def test_what_is_no_result_any_more_is_called_by_its_parts(qtbot: QtBot, look: Theme) -> None:
    tree = PartTree(look)
    qtbot.addWidget(tree)
    tree.set_documents([PAGED])
    tree.set_parts([part(0), part(1), part(2, 1, inputs=(0, 1))])
    assert tree.topLevelItem(0).text(0) == "Summary"
    tree.add_parts([part(3, 2, inputs=(2,))])
    assert children(tree, "Summary") == ["Parts 1–2"]


def replace_name(document: Document, name: str) -> Document:
    return Document(
        name, document.format, document.text, document.blocks, unit=document.unit, pages=document.pages
    )


# ---------------------------------------------------------------- links


@pytest.mark.parametrize(
    ("source", "shown", "places"),
    [
        ("a **b** c", "a b c", [0, 1, 4, 7, 8]),
        ("one\ntwo", "one\u2028two", [0, 1, 2, 3, 4, 5, 6]),
        ("😀 x", "😀 x", [0, 1, 2]),
        ("ab", "a?b", [0, -1, 1]),
    ],
)
def test_what_is_shown_is_aligned_with_its_source(source: str, shown: str, places: list[int]) -> None:
    assert aligned(source, shown) == places


RESULT = (
    "## Anna\n\nAnna **met** Bo 😀 in May. They talked about boats, the sea and a house on the cliff."
    "\n\n- Purple elephants dance.\n- Bo left.\n"
)
SENTENCES = ("Anna **met** Bo 😀 in May.", "They talked about boats, the sea and a house on the cliff.",
             "Purple elephants dance.", "Bo left.")  # fmt: skip


def links() -> list[dict[str, Any]]:
    found = []
    for number, sentence in enumerate(SENTENCES):
        start = RESULT.index(sentence)
        found.append(
            {"start": start, "end": start + len(sentence), "part": number % 2, "source": 0,
             "from": 10 * number, "to": 10 * number + 5, "score": 0.0 if "Purple" in sentence else 0.9}
        )  # fmt: skip
    return found


def run_row(**fields: Any) -> RunRow:
    values: dict[str, Any] = {
        "id": "r1", "task": "summarize", "title": "Book", "created": 1.0, "updated": 1.0, "status": "done",
        "model": "m", "options": {}, "result": RESULT, "data": {"coverage": 1.0, "links": links()},
        "problems": [], "usage": {"prompt_tokens": 1200, "completion_tokens": 34},
        "timings": {"work_s": 12.3}, "error": "",
    }  # fmt: skip
    return RunRow(**(values | fields))


@pytest.fixture
def view(qtbot: QtBot, look: Theme, jobs: Jobs) -> ResultView:
    view = ResultView(jobs, look)
    qtbot.addWidget(view)
    view.resize(420, 620)
    view.show()
    view.set_documents([PAGED])
    return view


def middle(rect: QRectF) -> QPoint:
    return QPointF(rect.center()).toPoint()


def test_a_result_tells_what_it_was_made_of(view: ResultView) -> None:
    view.set_run(run_row(), [part(0, status="done"), part(1, status="done")])
    assert view.facts.text() == f"100 % of the text was read · {QLocale().toString(1234)} tokens · 12 s"
    assert view.legend.text() == "Dotted line: not found in the text (1 of 4 sentences)."
    assert view.fold.text().strip() == "How it was made · 2 parts"
    assert coverage_text(0.999) == "99 % of the text was read"


def test_every_sentence_leads_to_its_place_by_mouse(qtbot: QtBot, view: ResultView) -> None:
    view.set_run(run_row(), [part(0, status="done"), part(1, status="done")])
    prose = view.prose
    for number in range(len(SENTENCES)):
        rects = list(prose._rects(number))
        assert all(prose.sentence_at(QPointF(rect.center())) == number for rect in rects)
        with qtbot.waitSignal(view.place_chosen) as told:
            qtbot.mouseClick(prose, LEFT, pos=middle(rects[-1]))
        assert told.args == [0, 10 * number, 10 * number + 5]
    assert view.tree.currentItem().text(0) == "Part 2"
    heading = prose.boxes[0]
    assert prose.sentence_at(QPointF(heading.x + 10, heading.y + heading.height / 2)) == -1


def test_a_long_sentence_covers_all_of_its_lines(view: ResultView) -> None:
    view.set_run(run_row(), [part(0, status="done")])
    shown = [view.prose.boxes[index].text(start, end) for index, start, end in view.prose.ranges()[1]]
    assert shown == [SENTENCES[1]]
    assert len(list(view.prose._rects(1))) > 1


def test_the_tooltip_says_where_it_is_from(view: ResultView) -> None:
    view.set_run(run_row(), [part(0, status="done"), part(1, status="done")])
    found, _, lost, _ = (view.prose.describe(link) for link in view.prose.sentences)
    assert found == "from part 1, page 1"
    assert lost == "not found in the text; made of part 1, page 3"


def test_sentences_are_gone_through_with_the_keys(qtbot: QtBot, view: ResultView) -> None:
    view.set_run(run_row(), [part(0, status="done"), part(1, status="done")])
    places: list[int] = []
    view.place_chosen.connect(lambda _source, start, _end: places.append(start))
    view.prose.setFocus(Qt.FocusReason.TabFocusReason)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Return):
        qtbot.keyClick(view.prose, key)
    assert places == [10, 20, 10, 10]
    assert "from part 2" in view.prose.accessibleName()


def test_opening_a_part_shows_it_and_its_place(qtbot: QtBot, view: ResultView) -> None:
    view.set_run(run_row(), [part(0, status="done", text="Of the first.", title="Start"), part(1)])
    qtbot.mouseClick(view.fold, LEFT)
    item = view.tree.topLevelItem(0)
    with qtbot.waitSignal(view.place_chosen) as told:
        place = middle(QRectF(view.tree.visualItemRect(item)))
        qtbot.mouseClick(view.tree.viewport(), LEFT, pos=place)
    assert told.args == [0, 0, 10]
    assert view.prose.boxes[0].document.toPlainText() == "Of the first."
    assert (view.title.text(), view.where.full_text()) == ("PART 1", "Start · page 1")
    assert view.action_row.isHidden()
    qtbot.mouseClick(view.back, LEFT)
    assert view.prose.boxes[0].document.toPlainText() == "Anna"
    view.tree.setFocus()
    qtbot.keyClick(view.tree, Qt.Key.Key_Down)
    assert view.title.text() == "PART 2"


def test_a_run_at_work_shows_its_answer_as_it_grows(view: ResultView) -> None:
    view.set_running("Reading…")
    view.add_parts([part(0)])
    assert view.empty.text() == "Reading…"
    assert view.empty.isVisible()
    for piece in ("It is ", "about **boats**."):
        view.part_text(0, piece)
    view.prose.finish()
    assert view.prose.boxes[0].document.toPlainText() == "It is about boats."
    view.part_saved(part(0, status="done", text="It is about boats."))
    assert view.prose.boxes[0].document.toPlainText() == "It is about boats."


def test_parts_at_work_are_seen_and_the_last_one_is_the_result(view: ResultView) -> None:
    view.set_running("Reading…")
    view.add_parts([part(0), part(1)])
    assert view.unfolded()
    view.part_text(1, "Something.")
    assert view.empty.isVisible()
    assert view.tree.topLevelItem(1).text(2) == "writing…"
    for number in (0, 1):
        view.part_saved(part(number, status="done", text="Something."))
    view.add_parts([part(2, 1, inputs=(0, 1))])
    view.part_text(2, "All of it.")
    assert view.prose.boxes[0].document.toPlainText() == "All of it."


def test_nothing_of_a_result_is_cut_off(qtbot: QtBot, view: ResultView) -> None:
    words = " ".join(SENTENCES) + " It has more to say about `boats` and the weather of the coast."
    view.set_running("Reading…")
    view.add_parts([part(0)])
    for number, word in enumerate(words.split(" ")):
        view.part_text(0, word + " ")
        view.resize(380 + 7 * (number % 9), 620)
        QApplication.processEvents()

    def fits() -> bool:
        prose, last = view.prose, view.prose.boxes[-1]
        return prose.height() >= int(last.y + last.height) and last.width == prose.width() - last.x

    for text in (words, words * 7, words):
        view.set_run(run_row(result=text, data={"coverage": 1.0, "links": links()}), [part(0)])
        qtbot.waitUntil(fits, timeout=WAIT)  # the area, its contents and the text settle one by one


def test_a_failed_run_says_so_and_a_stopped_one_has_no_result_yet(view: ResultView) -> None:
    view.set_run(run_row(status="failed", result="", error="The model gave nothing.", data={}), [part(0)])
    assert view.error.text() == "The model gave nothing."
    assert view.error.isVisible()
    assert not view.buttons["copy"].isEnabled()
    problem = {"code": "coverage", "template": "Only {percent} %.", "params": {"percent": 0}}
    view.set_run(run_row(status="stopped", result="", data={"coverage": 0.0}, problems=[problem]), [part(0)])
    assert view.empty.text() == "There is no result yet."
    assert view.empty.isVisible()
    view.set_run(run_row(status="stopped", data={"coverage": 0.4}, problems=[problem]), [part(0)])
    assert view.problems.lines == ["Only 0 %."]
    assert view.facts.text().startswith("40 % of the text was read")


# ---------------------------------------------------------------- past runs


@dataclass
class Desk:
    """A list with everything behind it."""

    workbench: Workbench
    list: RunList
    qtbot: QtBot

    def add(self, title: str, **fields: Any) -> str:
        document = Document(title, "txt", "text", (Block("paragraph", 0, 4),))
        runs = self.workbench.store.runs
        run = runs.create("summarize", title=title, model="m", options={}, documents=[document])
        runs.update(run.id, **({"status": "done"} | fields))
        return run.id

    def titles(self) -> list[str]:
        items = self.list.items
        rows = [items.row(items.index(row)) for row in range(items.rowCount())]
        return [row.title for row in rows if row is not None]

    def until(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=WAIT)


@pytest.fixture
def desk(qtbot: QtBot, look: Theme, jobs: Jobs, tmp_path: Path) -> Iterator[Desk]:
    workbench = Workbench.open(tmp_path / "data", start_engine=ScriptedEngine.starter(()))
    runs = RunList(workbench, jobs, look, "summarize", describe=lambda run: "Abstract")
    qtbot.addWidget(runs)
    runs.resize(250, 600)
    runs.show()
    yield Desk(workbench, runs, qtbot)
    jobs.close()
    workbench.close()


def test_runs_are_listed_searched_and_opened(desk: Desk) -> None:
    first, _ = desk.add("Harbour report"), desk.add("Minutes", status="interrupted")
    desk.list.refresh()
    desk.until(lambda: desk.titles() == ["Minutes", "Harbour report"])
    items = desk.list.items
    assert items.data(items.index(1), items.FACTS) == "Abstract · interrupted"
    assert items.data(items.index(2), items.FACTS).startswith("Abstract · ")
    desk.qtbot.keyClicks(desk.list.search, "harbour")
    desk.until(lambda: desk.titles() == ["Harbour report"])
    desk.qtbot.keyClick(desk.list.search, Qt.Key.Key_Down)
    with desk.qtbot.waitSignal(desk.list.opened) as told:
        desk.qtbot.keyClick(desk.list.view, Qt.Key.Key_Return)
    assert told.args == [first]
    desk.list.search.setText("nothing like that")
    desk.until(lambda: not desk.titles())
    assert "nothing like that" in desk.list.empty.text()


def test_a_deleted_run_can_be_taken_back(desk: Desk) -> None:
    run = desk.add("Harbour report")
    desk.list.refresh()
    desk.until(lambda: desk.titles() == ["Harbour report"])
    desk.list.set_current(run)
    desk.list.view.setFocus()
    with desk.qtbot.waitSignal(desk.list.deleted):
        desk.qtbot.keyClick(desk.list.view, Qt.Key.Key_Delete)
    desk.until(lambda: not desk.titles())
    undo = next(b for b in desk.list.notice.findChildren(QPushButton) if b.text() == "Undo")
    with desk.qtbot.waitSignal(desk.list.restored) as told:
        desk.qtbot.mouseClick(undo, LEFT)
    assert told.args == [run]
    desk.until(lambda: desk.titles() == ["Harbour report"])


def test_a_run_is_shown_as_it_is_now(desk: Desk) -> None:
    run = desk.add("Report", status="running")
    desk.list.refresh()
    desk.until(lambda: desk.titles() == ["Report"])
    items = desk.list.items
    assert items.data(items.place(run), items.FACTS) == "Abstract · working…"
    desk.list.update_run(replace(desk.workbench.tasks.run(run), status="stopped"))
    assert items.data(items.place(run), items.FACTS) == "Abstract · stopped"
    assert Link.from_dict({"score": 0.5}).found
