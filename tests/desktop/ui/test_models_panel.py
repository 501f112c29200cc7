"""The Models panel over a real library, a real store and a hub on loopback; only the engines are scripted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub_server import Fault, HubServer
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from desktop.ui.app import Desk
from desktop.ui.panels.models import ModelsPanel
from desktop.ui.panels.models.import_dialog import ImportDialog
from desktop.workbench.workbench import Workbench
from models.engine.pool import Starter
from models.engine.protocol import LoadOptions
from models.engine.scripted import Answer, ScriptedEngine
from models.errors import UserError

REPO = "acme/Small-GGUF"
WAIT = 30_000


@pytest.fixture
def start() -> Starter:
    return ScriptedEngine.starter(lambda _request: Answer("Yes."))


@pytest.fixture
def workbench(tmp_path: Path, start: Starter) -> Iterator[Workbench]:
    with Workbench.open(tmp_path / "data", start_engine=start) as workbench:
        yield workbench


@pytest.fixture
def desk(qtbot: QtBot, qapp: QApplication, workbench: Workbench) -> Iterator[Desk]:
    desk = Desk(qapp, workbench)
    with qtbot.waitSignal(desk.ready, timeout=WAIT):
        desk.start()
    yield desk
    desk.close()


@pytest.fixture
def panel(qtbot: QtBot, desk: Desk) -> ModelsPanel:
    desk.window.show_panel("models")
    panel = desk.window.panels["models"]
    assert isinstance(panel, ModelsPanel)
    qtbot.waitUntil(lambda: rows(panel) >= 1, timeout=WAIT)
    return panel


@pytest.fixture
def hub(workbench: Workbench, starter: Path) -> Iterator[HubServer]:
    with HubServer() as hub:
        facts = {"total": 134_515_008, "architecture": "llama", "context_length": 8192}
        files = {f"small-{kind}.gguf": starter for kind in ("Q4_K_M", "Q8_0")}
        hub.add(REPO, files, card="# Small\n\nA *small* model.", downloads=42, gguf=facts)
        hub.add("acme/Gated-GGUF", {"gated-Q4_K_M.gguf": starter}, gated="manual", gguf=facts)
        workbench.settings.set("hub_endpoint", hub.url)
        yield hub


def rows(panel: ModelsPanel) -> int:
    return panel.library_page.list.filter.rowCount()


def search(qtbot: QtBot, panel: ModelsPanel, words: str) -> None:
    panel.show_page("find")
    qtbot.keyClicks(panel.find_page.search, words)
    qtbot.keyClick(panel.find_page.search, Qt.Key.Key_Return)


def opened(qtbot: QtBot, panel: ModelsPanel, words: str) -> None:
    """Search, and wait for the page of the first repository."""
    search(qtbot, panel, words)
    qtbot.waitUntil(lambda: panel.find_page.repository.repository is not None, timeout=WAIT)


# ---------------------------------------------------------------- on this computer


def test_a_model_is_shown_with_its_plan_and_its_details(qtbot: QtBot, panel: ModelsPanel) -> None:
    page = panel.library_page.page
    qtbot.waitUntil(lambda: page.plan.verdict.text().startswith("fits"), timeout=WAIT)
    assert page.plan.bars[0].isVisible()
    small = page.plan.bars[0].accessibleDescription()
    page.plan.context.setCurrentIndex(page.plan.context.findData(512))
    page.plan.context.activated.emit(0)
    qtbot.waitUntil(lambda: page.plan.bars[0].accessibleDescription() != small, timeout=WAIT)
    assert "512" in page.plan.verdict.text()


def test_settings_and_note_of_a_model_are_kept(
    qtbot: QtBot, panel: ModelsPanel, workbench: Workbench
) -> None:
    page = panel.library_page.page
    assert page.entry is not None
    id = page.entry.model.id
    page.own.add_setting("temperature")
    qtbot.keyClicks(page.note, "good at short answers")
    page.keep_note()
    qtbot.waitUntil(lambda: workbench.store.model(id).note == "good at short answers", timeout=WAIT)
    qtbot.waitUntil(lambda: "temperature" in workbench.store.model(id).settings, timeout=WAIT)
    qtbot.waitUntil(lambda: "temperature" in (page.entry.settings if page.entry else {}), timeout=WAIT)


def test_a_file_put_into_the_folder_appears_by_itself(
    qtbot: QtBot, panel: ModelsPanel, workbench: Workbench, starter: Path
) -> None:
    shutil.copyfile(starter, workbench.data_dir / "models" / "Dropped-135M.gguf")
    qtbot.waitUntil(lambda: rows(panel) == 2, timeout=WAIT)


def test_importing_a_link_and_deleting_it_leaves_the_file(
    qtbot: QtBot, panel: ModelsPanel, starter: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "Elsewhere-135M.gguf"
    shutil.copyfile(starter, outside)
    panel.library_page.files_dropped.emit([outside])
    dialog = panel.findChild(ImportDialog)
    assert dialog is not None
    with qtbot.waitSignal(dialog.imported, timeout=WAIT) as imported:
        dialog.start.click()
    model = imported.args[0]
    qtbot.waitUntil(lambda: rows(panel) == 2, timeout=WAIT)
    panel.library_page.choose(model.id)
    panel.library_page.page.delete_requested.emit(model)
    qtbot.waitUntil(lambda: panel.findChild(QMessageBox) is not None, timeout=WAIT)
    box = panel.findChild(QMessageBox)
    assert box is not None
    box.defaultButton().click()
    qtbot.waitUntil(lambda: rows(panel) == 1, timeout=WAIT)
    assert outside.stat().st_size == starter.stat().st_size


# ---------------------------------------------------------------- finding


def test_recommendations_ask_nobody(qtbot: QtBot, panel: ModelsPanel, workbench: Workbench) -> None:
    panel.show_page("find")
    qtbot.waitUntil(lambda: panel.find_page.list.items.rowCount() > 10, timeout=WAIT)
    verdicts = [row.mark for row in panel.find_page.list.items.rows]
    assert verdicts[0] == "fits"
    assert workbench.network.connections() == []


def test_search_download_and_chat(
    qtbot: QtBot, panel: ModelsPanel, desk: Desk, workbench: Workbench, hub: HubServer, starter: Path
) -> None:
    opened(qtbot, panel, "small")
    repository = panel.find_page.repository
    assert panel.find_page.list.items.rows[0].facts.startswith("acme · 135M · 42 downloads")
    qtbot.waitUntil(lambda: len(repository.card.prose.boxes) == 2, timeout=WAIT)
    repository.buttons[0].click()
    qtbot.waitUntil(lambda: [i.status for i in workbench.downloads.items()] == ["done"], timeout=WAIT)
    qtbot.waitUntil(lambda: rows(panel) == 2, timeout=WAIT)
    got = workbench.data_dir / "models" / "acme" / "Small-GGUF" / "small-Q4_K_M.gguf"
    assert got.read_bytes() == starter.read_bytes()
    # The shield tells each connection, and the notice leads to a chat with the new model.
    assert "127.0.0.1" in desk.window.status.shield_text
    qtbot.waitUntil(lambda: "on this computer" in desk.window.notices.text, timeout=WAIT)
    desk.downloads.chat_requested.emit(str(got))
    picker = desk.window.picker()
    assert picker is not None
    qtbot.waitUntil(lambda: picker.model is not None and picker.model.path == got, timeout=WAIT)
    # What is here already is not offered again.
    panel.find_page.ask(REPO)
    qtbot.waitUntil(lambda: repository.buttons and not repository.buttons[0].isEnabled(), timeout=WAIT)


def test_a_download_is_paused_resumed_and_cancelled(
    qtbot: QtBot, panel: ModelsPanel, workbench: Workbench, hub: HubServer
) -> None:
    hub.fault = lambda seen: (
        Fault(rate=2_000_000, chunk=65536) if seen.file and seen.method == "GET" else None
    )
    opened(qtbot, panel, f"https://huggingface.co/{REPO}")
    panel.find_page.repository.buttons[0].click()
    panel.show_page("downloads")
    qtbot.waitUntil(lambda: bool(panel.downloads_page.rows), timeout=WAIT)
    (row,) = panel.downloads_page.rows.values()
    qtbot.waitUntil(lambda: row.item.done > 0, timeout=WAIT)
    assert "a second" in row.state.text() or "of" in row.state.text()
    row.pause.click()
    qtbot.waitUntil(lambda: row.item.status == "paused", timeout=WAIT)
    row.resume.click()
    qtbot.waitUntil(lambda: row.item.status == "running", timeout=WAIT)
    row.cancel.click()
    qtbot.waitUntil(lambda: not panel.downloads_page.rows, timeout=WAIT)
    folder = workbench.data_dir / "models" / "acme"
    qtbot.waitUntil(lambda: not [p for p in folder.rglob("*") if p.is_file()], timeout=WAIT)
    assert rows(panel) == 1


def test_offline_is_one_sentence_and_no_connection(
    qtbot: QtBot, panel: ModelsPanel, workbench: Workbench, hub: HubServer
) -> None:
    workbench.settings.set("offline", True)
    search(qtbot, panel, "small")
    qtbot.waitUntil(lambda: panel.find_page.notice.text == "Rolltop is offline.", timeout=WAIT)
    assert hub.seen == []


def test_a_gated_repository_says_what_to_do(qtbot: QtBot, panel: ModelsPanel, hub: HubServer) -> None:
    opened(qtbot, panel, "gated")
    page = panel.find_page
    assert "agreement" in page.repository._gate.text()
    page.repository.buttons[0].click()
    panel.show_page("downloads")
    qtbot.waitUntil(
        lambda: any(row.item.status == "failed" for row in panel.downloads_page.rows.values()), timeout=WAIT
    )
    (row,) = panel.downloads_page.rows.values()
    assert "token" in row.state.text()
    assert row.resume.isVisible()


# ---------------------------------------------------------------- out of memory


class Scarce:
    """Starts scripted engines while their context is small enough, and says so otherwise."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.loaded: list[LoadOptions] = []
        self._start = ScriptedEngine.starter(lambda _request: Answer("Yes."))

    def __call__(self, options: LoadOptions) -> object:
        if options.context_size > self.most:
            raise UserError("There is not enough memory.", hint="Choose a smaller context.", code="no_memory")
        self.loaded.append(options)
        return self._start(options)


class TestOutOfMemory:
    @pytest.fixture
    def start(self) -> Callable[..., object]:
        return Scarce(4096)

    def test_one_click_leads_to_a_smaller_context(
        self, qtbot: QtBot, desk: Desk, start: Scarce, workbench: Workbench
    ) -> None:
        bar = desk.window.panels["chat"].view.notice  # type: ignore[attr-defined]
        qtbot.waitUntil(lambda: "not enough memory" in bar.text, timeout=WAIT)
        words = {button.text(): button for button in bar.findChildren(QPushButton) if button.isVisible()}
        words["Use a context of 4096"].click()
        qtbot.waitUntil(lambda: bool(start.loaded), timeout=WAIT)
        assert start.loaded[0].context_size == 4096
