"""Runs of tasks in the store: what was asked for, on which documents, each part, and what came of it."""

from __future__ import annotations

import builtins
import re
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from desktop.workbench.problems import Problem
from desktop.workbench.reading.document import Block, Document, Unit
from desktop.workbench.store.access import (
    Access,
    assignments,
    check_choice,
    check_fields,
    gone,
    locked,
    values,
)
from desktop.workbench.store.records import (
    PART_STATUSES,
    RUN_STATUSES,
    TASKS,
    OwnPrompt,
    PartRow,
    RunRow,
    checked_json,
    checked_list,
    clean,
    from_json_list,
    new_id,
    part_row,
    run_row,
    to_json,
)
from models.errors import UserError, sentence

_RUN = "id, task, title, created, updated, status, model, options, {}, problems, usage, timings, error"
_WHOLE = _RUN.format("result, data")
_LISTED = _RUN.format("beginning, '{}'")
_PART = """place, level, source, start, past, inputs, variant, title, status, text, attempts, problems, data,
    usage"""
_DOCUMENT = "name, format, title, unit, pages, problems, text, blocks"
_RUN_FIELDS = frozenset(
    {"status", "title", "model", "options", "result", "data", "problems", "usage", "timings", "error"}
)
_PART_FIELDS = frozenset({"status", "title", "text", "attempts", "problems", "data", "usage"})
_SURROGATES = re.compile("[\ud800-\udfff]")


class Runs:
    """The runs of tasks, beside the conversations in the same file.

    Every method may be called from any thread, and raises UserError as the store's do. What a run
    at work writes is saved even while it lies in the trash, so that undo brings back all of it.
    """

    def __init__(self, db: Access) -> None:
        self._db = db
        db.conn.create_function("casefolded", 1, str.casefold, deterministic=True)

    # ------------------------------------------------------------ runs

    @locked
    def create(
        self,
        task: str,
        *,
        title: str,
        model: str,
        options: Mapping[str, Any],
        documents: Sequence[Document],
    ) -> RunRow:
        """A new run with its documents, status "running"."""
        check_choice("task", task, TASKS)
        id, now = new_id(), time.time()
        with self._db.write() as conn:
            conn.execute(
                """INSERT INTO runs(id, task, title, created, updated, status, model, error, options, usage,
                    timings, problems, result, data)
                VALUES (?, ?, ?, ?, ?, 'running', ?, '', ?, '{}', '{}', '[]', '', '{}')""",
                (id, task, clean(title), now, now, clean(model), checked_json(options)),
            )
            conn.executemany(
                f"INSERT INTO run_documents(run, place, {_DOCUMENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(id, place, *_document_values(document)) for place, document in enumerate(documents)],
            )
        return self.get(id)

    @locked
    def list(self, task: str, *, limit: int = 200, search: str = "") -> list[RunRow]:
        """The runs of a task, newest first; all words of `search` are in their title or result.

        Long things are left out: `result` has its first 200 characters, `data` is empty.
        """
        words = [word.casefold() for word in clean(search).split()]
        found = " AND ".join("instr(casefolded(title || char(10) || result), ?)" for _ in words) or "1"
        rows = self._db.conn.execute(
            f"SELECT {_LISTED} FROM runs WHERE task = ? AND deleted IS NULL AND {found} "
            "ORDER BY number DESC LIMIT ?",
            (task, *words, limit),
        )
        return [run_row(row) for row in rows]

    @locked
    def get(self, id: str) -> RunRow:
        """One run; UserError "gone" when it does not exist or is in the trash."""
        row = self._db.conn.execute(
            f"SELECT {_WHOLE} FROM runs WHERE id = ? AND deleted IS NULL", (id,)
        ).fetchone()
        if row is None:
            raise _gone()
        return run_row(row)

    @locked
    def update(self, id: str, **fields: Any) -> RunRow:
        """Change status, title, model, options, result, data, problems, usage, timings or error."""
        check_fields(fields, _RUN_FIELDS)
        if "status" in fields:
            check_choice("status", fields["status"], RUN_STATUSES)
        fields["updated"] = time.time()
        with self._db.write() as conn:
            changed = conn.execute(
                f"UPDATE runs SET {assignments(fields)} WHERE id = ?", (*values(fields), id)
            ).rowcount
            if not changed:
                raise _gone()
        return run_row(conn.execute(f"SELECT {_WHOLE} FROM runs WHERE id = ?", (id,)).fetchone())

    @locked
    def delete(self, id: str) -> None:
        """Move a run to the trash."""
        self.get(id)
        with self._db.write() as conn:
            conn.execute("UPDATE runs SET deleted = ? WHERE id = ?", (time.time(), id))

    @locked
    def restore(self, id: str) -> None:
        """Take a run out of the trash."""
        with self._db.write() as conn:
            if not conn.execute("UPDATE runs SET deleted = NULL WHERE id = ?", (id,)).rowcount:
                raise _gone()

    # ------------------------------------------------------------ documents and parts

    @locked
    def documents(self, id: str) -> builtins.list[Document]:
        """The documents of a run as they were given to `create`."""
        self._known(id)
        rows = self._db.conn.execute(
            f"SELECT place, {_DOCUMENT} FROM run_documents WHERE run = ? ORDER BY place", (id,)
        )
        found = {place: _document(columns) for place, *columns in rows}
        # One that damage took leaves its place empty: the parts refer to places.
        lost = Document("", "txt", "", ())
        return [found.get(place, lost) for place in range(max(found, default=-1) + 1)]

    @locked
    def add_parts(self, id: str, parts: Sequence[PartRow]) -> None:
        """Add parts to a run: all of them or none."""
        for part in parts:
            check_choice("status", part.status, PART_STATUSES)
        self._known(id)
        with self._db.write() as conn:
            conn.executemany(
                f"INSERT INTO run_parts(run, {_PART}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(id, *_part_values(part)) for part in parts],
            )

    @locked
    def parts(self, id: str) -> builtins.list[PartRow]:
        """The parts of a run, by number."""
        self._known(id)
        rows = self._db.conn.execute(f"SELECT {_PART} FROM run_parts WHERE run = ? ORDER BY place", (id,))
        return [part_row(row) for row in rows]

    @locked
    def update_part(self, id: str, number: int, **fields: Any) -> PartRow:
        """Change status, title, text, attempts, problems, data or usage; on the disk when this returns."""
        check_fields(fields, _PART_FIELDS)
        if "status" in fields:
            check_choice("status", fields["status"], PART_STATUSES)
        if fields:
            with self._db.write() as conn:
                conn.execute(
                    f"UPDATE run_parts SET {assignments(fields)} WHERE run = ? AND place = ?",
                    (*values(fields), id, number),
                )
        row = self._db.conn.execute(
            f"SELECT {_PART} FROM run_parts WHERE run = ? AND place = ?", (id, number)
        ).fetchone()
        if row is None:
            raise _gone()
        return part_row(row)

    @locked
    def clear_parts(self, id: str) -> None:
        """Forget the parts of a run, to begin anew."""
        self._known(id)
        with self._db.write() as conn:
            conn.execute("DELETE FROM run_parts WHERE run = ?", (id,))

    def _known(self, id: str) -> None:
        """Raise UserError "gone" unless there is such a run, in the trash or not."""
        if not self._db.conn.execute("SELECT 1 FROM runs WHERE id = ?", (id,)).fetchone():
            raise _gone()

    # ------------------------------------------------------------ the person's own prompts

    @locked
    def own_prompts(self, task: str) -> builtins.list[OwnPrompt]:
        """The person's own prompts of a task, by name."""
        rows = self._db.conn.execute(
            "SELECT id, task, name, instruction FROM own_prompts WHERE task = ? "
            "ORDER BY casefolded(name), number",
            (task,),
        )
        return [OwnPrompt(*row) for row in rows]

    @locked
    def save_own_prompt(self, task: str, name: str, instruction: str, id: str = "") -> OwnPrompt:
        """Keep a prompt: a new one, or in the place of the one with this id."""
        check_choice("task", task, TASKS)
        prompt = OwnPrompt(id or new_id(), task, clean(name), clean(instruction))
        with self._db.write() as conn:
            if not id:
                conn.execute(
                    "INSERT INTO own_prompts(id, task, name, instruction) VALUES (?, ?, ?, ?)",
                    (prompt.id, task, prompt.name, prompt.instruction),
                )
            elif not conn.execute(
                "UPDATE own_prompts SET task = ?, name = ?, instruction = ? WHERE id = ?",
                (task, prompt.name, prompt.instruction, id),
            ).rowcount:
                raise gone(sentence("This prompt is no longer there."))
        return prompt

    @locked
    def delete_own_prompt(self, id: str) -> None:
        """Forget a prompt; one that is not there is fine."""
        with self._db.write() as conn:
            conn.execute("DELETE FROM own_prompts WHERE id = ?", (id,))


def purge_runs(conn: sqlite3.Connection) -> None:
    """Delete the runs in the trash, with their documents and parts."""
    doomed = "SELECT id FROM runs WHERE deleted IS NOT NULL"
    for table in ("run_documents", "run_parts"):
        conn.execute(f"DELETE FROM {table} WHERE run IN ({doomed})")
    conn.execute("DELETE FROM runs WHERE deleted IS NOT NULL")


def _gone() -> UserError:
    return gone(sentence("This run is no longer there."))


def _part_values(part: PartRow) -> tuple[Any, ...]:
    return (
        part.number,
        part.level,
        part.source,
        part.start,
        part.end,
        checked_list(part.inputs),
        part.variant,
        clean(part.title),
        part.status,
        clean(part.text),
        part.attempts,
        checked_list(part.problems),
        checked_json(part.data),
        checked_json(part.usage),
    )


def _document_values(document: Document) -> tuple[Any, ...]:
    # A lone surrogate cannot be stored. One by one, so that every position stays where it is.
    text = _SURROGATES.sub("\ufffd", document.text)
    return (
        clean(document.name),
        document.format,
        clean(document.title),
        document.unit,
        document.pages,
        to_json(msgspec.to_builtins(document.problems)),
        text,
        msgspec.msgpack.encode(document.blocks),
    )


def _document(columns: Sequence[Any]) -> Document:
    name, format, title, unit, pages, problems, text, blocks = columns
    return Document(
        name=name,
        format=format,
        text=text,
        blocks=_blocks(blocks, text),
        title=title,
        unit=cast(Unit, unit),
        pages=pages,
        problems=_problems(problems),
    )


def _blocks(raw: bytes, text: str) -> tuple[Block, ...]:
    """The stored blocks; where damage left none that fit, all of the text is one paragraph."""
    try:
        blocks = msgspec.msgpack.decode(raw, type=tuple[Block, ...])
    except msgspec.DecodeError:
        blocks = None
    if blocks is None or (blocks and blocks[-1].end > len(text)):
        return (Block("paragraph", 0, len(text)),) if text.strip() else ()
    return blocks


def _problems(text: str) -> tuple[Problem, ...]:
    try:
        return tuple(msgspec.convert(from_json_list(text), list[Problem]))
    except msgspec.ValidationError:
        return ()
