"""The parts of the Models panel, each shown with real values and used by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox
from pytestqt.qtbot import QtBot

from desktop.ui.jobs import Jobs
from desktop.ui.panels.models.metadata_dialog import MetadataDialog, value_text
from desktop.ui.panels.models.work_dialog import WorkDialog
from desktop.ui.theme import Theme
from desktop.ui.widgets.facts import size_text
from desktop.ui.widgets.formula import Formulas
from desktop.ui.widgets.memory_bar import MemoryBar
from desktop.ui.widgets.model_list import CONTEXT, NAME, SIZE, ModelList, second_line
from desktop.ui.widgets.own_settings import OwnSettings
from desktop.ui.widgets.plan_view import PlanView
from desktop.ui.widgets.repository_view import RepositoryView, without_html
from desktop.workbench.collection import ModelEntry
from desktop.workbench.settings import BY_KEY
from models.download import RemoteFile
from models.engine.protocol import LoadOptions
from models.errors import UserError
from models.fit import Machine, plan
from models.gguf import ArraySummary, read_header
from models.hub import Offer, Repository
from models.library import Model
from models.shape import shape_of


@pytest.fixture
def theme(qtbot: QtBot) -> Theme:
    theme = Theme()
    theme.apply(QApplication.instance())  # type: ignore[arg-type]
    return theme


@pytest.fixture
def jobs(qtbot: QtBot) -> Iterator[Jobs]:
    jobs = Jobs()
    yield jobs
    assert jobs.close()


def entry(name: str, *, size: int = 10**9, context: int = 4096, used: float = 0.0, **more: Any) -> ModelEntry:
    path = Path(f"/models/{name}.gguf")
    model = Model(
        id=name.lower(), name=name, path=path, shards=(path,), architecture="llama", parameters=size,
        quantization="Q4_K_M", size_bytes=size, context_length=context, chat_template=True,
        **{"capabilities": frozenset({"chat"}), **more},
    )  # fmt: skip
    return ModelEntry(model, used=used)


# ---------------------------------------------------------------- the table


@pytest.fixture
def table(qtbot: QtBot, theme: Theme) -> ModelList:
    view = ModelList(theme)
    qtbot.addWidget(view)
    view.resize(900, 400)
    view.show()
    view.fill(
        [
            entry("Beta", size=3 * 10**9, context=8192, publisher="acme"),
            entry("alpha", size=10**9, context=32768),
            entry("Gamma", size=2 * 10**9, capabilities=frozenset({"embedding"})),
        ]
    )
    return view


def names(view: ModelList) -> list[str]:
    return [view.filter.index(row, 0).data() for row in range(view.filter.rowCount())]


def test_sorting_by_name_size_and_context(table: ModelList) -> None:
    assert names(table) == ["alpha", "Beta", "Gamma"]
    table.sortByColumn(SIZE, Qt.SortOrder.DescendingOrder)
    assert names(table) == ["Beta", "Gamma", "alpha"]
    table.sortByColumn(CONTEXT, Qt.SortOrder.DescendingOrder)
    assert names(table) == ["alpha", "Beta", "Gamma"]
    table.sortByColumn(NAME, Qt.SortOrder.DescendingOrder)
    assert names(table) == ["Gamma", "Beta", "alpha"]


def test_filtering_by_words_and_by_what_a_model_can(table: ModelList) -> None:
    table.set_words("ACME be")
    assert names(table) == ["Beta"]
    table.set_words("")
    table.set_capability("embedding")
    assert names(table) == ["Gamma"]
    assert table.chosen() is not None
    assert table.chosen().model.name == "Gamma"  # type: ignore[union-attr]


def test_the_chosen_model_stays_chosen_when_the_rows_change(table: ModelList) -> None:
    told: list[Any] = []
    table.choose("beta")
    table.entry_chosen.connect(told.append)
    table.fill([entry("Aaa"), entry("Beta", used=5.0)])
    assert told[-1].model.name == "Beta"
    assert told[-1].used == 5.0
    table.fill([entry("Aaa")])
    assert told[-1].model.name == "Aaa"
    table.fill([])
    assert told[-1] is None


def test_arrow_keys_walk_and_enter_opens(qtbot: QtBot, table: ModelList) -> None:
    table.setFocus()
    table.choose("alpha")
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert table.chosen().model.name == "Beta"  # type: ignore[union-attr]
    with qtbot.waitSignal(table.entry_opened) as opened:
        qtbot.keyClick(table, Qt.Key.Key_Return)
    assert opened.args[0].model.name == "Beta"


def test_the_second_line_tells_publisher_abilities_and_place() -> None:
    line = second_line(
        entry("X", publisher="acme", place="ollama", capabilities=frozenset({"chat", "tools"}))
    )
    assert line == "acme · chat · tools · Ollama"


# ---------------------------------------------------------------- memory


def test_a_memory_bar_says_what_it_draws(qtbot: QtBot, theme: Theme) -> None:
    bar = MemoryBar(theme)
    qtbot.addWidget(bar)
    bar.resize(300, 44)
    bar.show_parts("RAM", [("weights", 10**9), ("context", 5 * 10**8), ("nothing", 0)], 10**9)
    assert bar.summary() == f"{size_text(1_500_000_000)} of {size_text(10**9)} free"
    assert bar.accessibleName() == f"RAM: {bar.summary()}"
    assert bar.toolTip().splitlines() == [f"weights: {size_text(10**9)}", f"context: {size_text(5 * 10**8)}"]
    image = bar.grab().toImage()
    colors = {image.pixelColor(x, 32).name().upper() for x in range(4, 296)}
    assert theme.tokens.bad in colors  # beyond what there is
    assert theme.tokens.accent in colors


# ---------------------------------------------------------------- settings of one model


def test_settings_are_added_changed_and_taken_away(qtbot: QtBot, theme: Theme) -> None:
    own = OwnSettings(theme, lambda key: BY_KEY[key].default)
    qtbot.addWidget(own)
    told: list[dict[str, Any]] = []
    own.changed.connect(told.append)
    own.show_values({})
    own.add_setting("kv_type")
    own.add_setting("context_size")
    assert told[-1] == {"context_size": 0, "kv_type": "f16"}
    box = own.findChild(QComboBox)
    assert box is not None
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert told[-1]["kv_type"] == "q8_0"
    own.remove_setting("context_size")
    assert told[-1] == {"kv_type": "q8_0"}
    own.add_setting("system")
    assert told[-1]["system"] == ""
    assert own.findChild(QCheckBox) is None


# ---------------------------------------------------------------- metadata


def test_metadata_is_listed_and_filtered(qtbot: QtBot, theme: Theme, starter: Path) -> None:
    dialog = MetadataDialog("SmolLM2", read_header(starter), theme)
    qtbot.addWidget(dialog)
    dialog.show()
    assert "im_start" in dialog.template.toPlainText()
    dialog.filter.setText("llama.block_count")
    items = [dialog.table.topLevelItem(row) for row in range(dialog.table.topLevelItemCount())]
    shown = [item for item in items if item is not None and not item.isHidden()]
    assert [(item.text(0), item.text(1)) for item in shown] == [("llama.block_count", "30")]


def test_values_are_one_short_line() -> None:
    assert value_text(ArraySummary("string", 49152)) == "49152 values of type string"
    assert value_text((1, 2, 3)) == "1, 2, 3"
    assert value_text("a\nb\x1b[31m " + "x" * 10_000).startswith("a b\ufffd[31m x")
    assert len(value_text("x" * 10_000)) <= 500


# ---------------------------------------------------------------- long work


class Counting(WorkDialog):
    """Counts to one, or fails, or never ends; tells how it was left."""

    def __init__(self, jobs: Jobs, theme: Theme, how: str) -> None:
        super().__init__("Count", "Go", jobs, theme, None)
        self.how, self.result_, self.closed = how, None, False

    def _make(self) -> Any:
        try:
            for step in range(1, 5):
                yield step / 4
            if self.how == "fails":
                raise UserError("It broke.", hint="Try again.")
            while self.how == "endless":
                yield 1.0
            return "made"
        finally:
            self.closed = True

    def _done(self, result: Any) -> None:
        self.result_ = result


def test_work_ends_with_its_result(qtbot: QtBot, jobs: Jobs, theme: Theme) -> None:
    dialog = Counting(jobs, theme, "well")
    dialog.show()
    with qtbot.waitSignal(dialog.accepted):
        dialog.start.click()
    assert dialog.result_ == "made"


def test_work_that_fails_says_why_and_can_be_tried_again(qtbot: QtBot, jobs: Jobs, theme: Theme) -> None:
    dialog = Counting(jobs, theme, "fails")
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.start.click()
    qtbot.waitUntil(dialog.trouble.isVisible)
    assert dialog.trouble.text() == "It broke. Try again."
    assert dialog.start.isEnabled()
    assert not dialog.bar.isVisible()


def test_closing_the_dialog_stops_the_work(qtbot: QtBot, jobs: Jobs, theme: Theme) -> None:
    dialog = Counting(jobs, theme, "endless")
    dialog.show()
    dialog.start.click()
    qtbot.waitUntil(lambda: dialog.bar.value() == 1000)
    state = dialog.__dict__
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: state["closed"])


# ---------------------------------------------------------------- a repository


def repository() -> Repository:
    def offer(quantization: str, size: int, *, recommended: bool = False) -> Offer:
        file = RemoteFile("acme/Tiny-GGUF", "c" * 40, f"tiny-{quantization}.gguf", size, "0" * 64)
        return Offer("tiny", quantization, (file,), recommended=recommended)

    return Repository(
        repo="acme/Tiny-GGUF", downloads=1234, likes=5, updated=datetime(2024, 5, 17), license="mit",
        gated="manual", revision="c" * 40,
        offers=(offer("Q2_K", 10**8), offer("Q4_K_M", 2 * 10**8, recommended=True), offer("F16", 10**9)),
    )  # fmt: skip


def test_a_repository_shows_what_fits_and_downloads_it(qtbot: QtBot, jobs: Jobs, theme: Theme) -> None:
    view = RepositoryView(theme, Formulas(jobs))
    qtbot.addWidget(view)
    view.resize(700, 500)
    view.show()
    view.begin("acme/Tiny-GGUF")
    found = repository()
    verdicts = {"tiny-Q2_K.gguf": "fits", "tiny-Q4_K_M.gguf": "fits", "tiny-F16.gguf": "too_big"}
    view.show_repository(found, verdicts, frozenset({"tiny-Q2_K.gguf"}))
    assert [button.isEnabled() for button in view.buttons] == [False, True, True]
    asked: list[Any] = []
    view.download_requested.connect(lambda _repository, offer: asked.append(offer.quantization))
    view.buttons[1].setFocus()
    qtbot.keyClick(view.buttons[1], Qt.Key.Key_Space)
    assert asked == ["Q4_K_M"]
    view.show_card("# Tiny\n\n<p align='center'><img src='http://x/y.png'></p>\n\nA *small* model.")
    texts = [box.block.kind for box in view.card.prose.boxes]
    assert len(texts) == 2


def test_a_card_without_its_html() -> None:
    card = "<div>\n<!-- secret\n -->\n# Hi</div>\n[![Build](http://x/b.svg)](http://x)\n\n\n\n5 < 6 and 7 > 3"
    assert without_html(card) == "# Hi\n[Build](http://x)\n\n5 < 6 and 7 > 3"


# ---------------------------------------------------------------- the plan


def test_a_plan_that_does_not_fit_names_the_context_that_would(
    qtbot: QtBot, theme: Theme, starter: Path
) -> None:
    shape = shape_of([read_header(starter)])
    little = Machine(ram_free=900 << 20, ram_total=4 << 30)
    options = LoadOptions(path=str(starter), context_size=1 << 17)
    made = plan(replace(shape, context_length=0), little, options)
    assert made.verdict == "too_big"
    view = PlanView(theme)
    qtbot.addWidget(view)
    view.resize(330, 200)
    view.show()
    view.begin(entry("Small", context=1 << 17), {"context_size": 1 << 17, "kv_type": "f16"})
    view.show_plan("small", made, 4096)
    assert view.verdict.text().startswith("too big")
    assert "4" in view.reason.text()
    assert "context" in view.reason.text()
    view.show_plan("small", made)
    assert view.reason.text().startswith("Close other programs")
    view.show_plan("another", replace(made, verdict="fits"))  # comes too late
    assert view.verdict.text().startswith("too big")
