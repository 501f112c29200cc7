"""kill -9: every acknowledged message is there, and the file is whole."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from desktop.workbench.store import PartRow, Store

NORMAL, FULL = 1, 2

CHILD = """
import sys
from pathlib import Path
from desktop.workbench.store import Store

store = Store.open(Path(sys.argv[1]))
conversation = store.create_conversation(title="killed").id
print(conversation, flush=True)
parent = None
for number in range(100_000):
    text = f"{number} " + "x" * (number * 37 % 5000)
    parent = store.add_message(conversation, parent, "user", text).id
    print(parent, len(text), flush=True)
    answer = store.add_message(conversation, parent, "assistant", "", status="streaming")
    for part in range(3):
        store.update_message(answer.id, content="y" * part * 500)
    if number % 50 == 49:
        store.checkpoint()
    parent = answer.id
"""


def test_killed_at_random_moments(file: Path) -> None:
    chance = random.Random()
    acknowledged: dict[str, list[tuple[str, int]]] = {}
    Store.open(file).close()
    for _ in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(file)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[4],
        )
        assert child.stdout
        conversation = child.stdout.readline().strip()
        time.sleep(chance.uniform(0.02, 0.4))
        child.kill()
        lines = child.stdout.read().splitlines(keepends=True)
        child.stdout.close()
        child.wait()
        pairs = [line.split() for line in lines if line.endswith("\n")]
        acknowledged[conversation] = [(id, int(length)) for id, length in pairs]
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as conn:
            assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert sum(map(len, acknowledged.values())) > 50
    store = Store.open(file)
    assert store.notice is None
    store.mark_interrupted()
    for conversation, messages in acknowledged.items():
        rows = {row.id: row for row in store.path(conversation)} if messages else {}
        for id, length in messages:
            assert len(rows[id].content) == length
        assert all(row.status != "streaming" for row in rows.values())
    store.close()


RUN_CHILD = """
import sys
from pathlib import Path
from desktop.workbench.reading.document import Document
from desktop.workbench.store import PartRow, Store

store = Store.open(Path(sys.argv[1]))
document = Document("a.txt", "txt", "x" * 10_000, ())
run = store.runs.create("summarize", title="killed", model="", options={}, documents=[document]).id
store.runs.add_parts(run, [PartRow(number, 0, 0, 0, 1) for number in range(3000)])
print(run, flush=True)
for number in range(3000):
    store.runs.update_part(run, number, status="done", text=f"{number} " + "x" * (number * 37 % 5000))
    print(number, flush=True)
"""


def test_killed_between_parts(file: Path) -> None:
    chance = random.Random()
    acknowledged: dict[str, int] = {}
    Store.open(file).close()
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", RUN_CHILD, str(file)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[4],
        )
        assert child.stdout
        run = child.stdout.readline().strip()
        time.sleep(chance.uniform(0.02, 0.3))
        child.kill()
        lines = child.stdout.read().splitlines(keepends=True)
        child.stdout.close()
        child.wait()
        acknowledged[run] = len([line for line in lines if line.endswith("\n")])
    assert sum(acknowledged.values()) > 4
    store = Store.open(file)
    assert store.notice is None
    assert store.mark_interrupted() == 4
    for run, count in acknowledged.items():
        assert store.runs.get(run).status == "interrupted"
        done = [part for part in store.runs.parts(run) if part.status == "done"]
        # The last one may have been saved without its acknowledgement.
        assert count <= len(done) <= count + 1
        assert [part.text for part in done] == [f"{n} " + "x" * (n * 37 % 5000) for n in range(len(done))]
        assert len(store.runs.documents(run)[0].text) == 10_000
    store.close()


def test_a_finished_part_waits_for_the_disk(store: Store) -> None:
    run = store.runs.create("rewrite", title="", model="", options={}, documents=[]).id
    store.runs.add_parts(run, [PartRow(0, 0, 0, 0, 1)])
    store.set_draft("", "this one does not wait")
    assert store._conn.execute("PRAGMA synchronous").fetchone()[0] == NORMAL
    store.runs.update_part(run, 0, text="done", status="done")
    assert store._conn.execute("PRAGMA synchronous").fetchone()[0] == FULL
