"""`rolltop summarize` and `rolltop rewrite`: texts go in, a result comes out, the work between is kept."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from desktop.terminal import (
    Bar,
    Options,
    data_dir_option,
    plain,
    print_json,
    say,
    sentences,
    stopped_by_ctrl_c,
    write,
)
from models.errors import RolltopError, UserError

if TYPE_CHECKING:
    from desktop.workbench.changes import Change
    from desktop.workbench.problems import Problem
    from desktop.workbench.reading.document import Document
    from desktop.workbench.store.records import PartRow, RunRow
    from desktop.workbench.task import RunEvent
    from desktop.workbench.tasks import Tasks

    TextType = click.ParamType[str]
else:
    TextType = click.ParamType  # not generic in older versions of click

F = TypeVar("F", bound=Callable[..., Any])

FAILED, INTERRUPTED = 1, 130
STDIN = Path("-")
LAST = "last"
WARNINGS = 20
"""Most lines of warnings that are printed."""


@dataclass(frozen=True)
class Command:
    """What the options say that both commands have.

    Attributes:
        task: "summarize" or "rewrite". resume: the run to go on with, instead of a new one.
        diff: print what was changed instead of the result.
    """

    task: str
    resume: str | None
    no_save: bool
    as_json: bool
    diff: bool = False

    def __post_init__(self) -> None:
        if self.resume and self.no_save:
            raise click.UsageError("--resume and --no-save do not go together.")


class OneOf(TextType):
    """One of some names; they are read when they are needed."""

    name = "name"

    def __init__(self, names: Callable[[], Sequence[str]]) -> None:
        self.names = names

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The names, for the help."""
        return f"[{'|'.join(self.names())}]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself."""
        if value not in self.names():
            self.fail(f"{value!r} is not one of {', '.join(self.names())}.", param, ctx)
        return value


class LanguageName(TextType):
    """A language by its code or its name."""

    name = "language"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Its code."""
        from desktop.workbench import language

        code = language.find(value)
        if not code:
            self.fail(f"{value!r} is no language known here, such as German or de.", param, ctx)
        return code


def _kinds() -> Sequence[str]:
    from desktop.workbench.summarize import KINDS

    return list(KINDS)


def _rewrites() -> Sequence[str]:
    from desktop.workbench.rewrite import TASKS

    return list(TASKS)


def _shared(command: F) -> F:
    """The options that both commands have."""
    for option in (
        data_dir_option,
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the text."),
        click.option("--no-save", is_flag=True, help="Keep nothing of it."),
        click.option(
            "--resume", metavar="RUN", help="Go on with a run that was stopped; last: with the latest one."
        ),
        click.option("--model", metavar="M", help="An id of the library, or the path of a GGUF file."),
    ):
        command = option(command)
    return command


# ---------------------------------------------------------------- commands


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--kind", type=OneOf(_kinds), help="What it becomes.")
@click.option("--length", type=click.Choice(["short", "medium", "long"]), help="How long it gets.")
@click.option("--language", type=LanguageName(), metavar="L", help="Of the summary, such as German or de.")
@click.option("--for", "audience", metavar="WHOM", help="Who is going to read it.")
@click.option("--instruction", metavar="I", help="What to do, in your own words.")
@click.option("--extractive", is_flag=True, help="Only sentences of the text, word for word.")
@click.option("--together/--each", default=None, help="Several files: one summary of all, or one each.")
@_shared
@click.pass_obj
def summarize(
    options: Options,
    files: tuple[Path, ...],
    kind: str | None,
    length: str | None,
    language: str | None,
    audience: str | None,
    instruction: str | None,
    extractive: bool,
    together: bool | None,
    model: str | None,
    resume: str | None,
    no_save: bool,
    as_json: bool,
) -> int:
    """Summarize FILES: texts, web pages, PDF, EPUB, files of office programs. FILE - reads standard input."""
    command = Command("summarize", resume, no_save, as_json)
    given = {
        "kind": kind or ("custom" if instruction else None),
        "length": length,
        "language": language,
        "audience": audience,
        "instruction": instruction,
        "extractive": extractive or None,
        "together": together,
    }
    _check_given(command, files, {**given, "model": model})

    def begin(tasks: Tasks) -> RunRow:
        from desktop.workbench.summarize import SummaryOptions

        return tasks.summarize(_read(tasks, files), SummaryOptions(**_wished(given)), model or "")

    return _do(options, command, begin)


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--task", type=OneOf(_rewrites), help="What is done with the text.")
@click.option("--instruction", metavar="I", help="What to do, in your own words.")
@click.option("--to", "language", type=LanguageName(), metavar="L", help="Translate, such as to German.")
@click.option("--protect", multiple=True, metavar="TERM", help="Words that have to stay; repeatable.")
@click.option("--glossary", multiple=True, metavar="A=B", help="Always write A as B; repeatable.")
@click.option("--diff", is_flag=True, help="Print what was changed, word by word.")
@_shared
@click.pass_obj
def rewrite(
    options: Options,
    file: Path | None,
    task: str | None,
    instruction: str | None,
    language: str | None,
    protect: tuple[str, ...],
    glossary: tuple[str, ...],
    diff: bool,
    model: str | None,
    resume: str | None,
    no_save: bool,
    as_json: bool,
) -> int:
    """Rewrite the text of FILE paragraph by paragraph. FILE - reads standard input."""
    command = Command("rewrite", resume, no_save, as_json, diff)
    given = {
        "task": task or ("translate" if language else "custom" if instruction else None),
        "instruction": instruction,
        "language": language,
        "glossary": tuple(map(_pair, glossary)) or None,
        "protected": protect or None,
    }
    files = () if file is None else (file,)
    _check_given(command, files, {**given, "model": model})

    def begin(tasks: Tasks) -> RunRow:
        from desktop.workbench.rewrite import RewriteOptions

        return tasks.rewrite(_read(tasks, files)[0], RewriteOptions(**_wished(given)), model or "")

    return _do(options, command, begin)


def _check_given(command: Command, files: Sequence[Path], given: dict[str, Any]) -> None:
    """A new run takes files, one that goes on takes neither files nor wishes."""
    if command.resume is None:
        if not files:
            raise click.UsageError("Missing argument 'FILE'.")
        if files.count(STDIN) > 1:
            raise click.UsageError("Standard input can be read once only.")
    elif files or _wished(given):
        raise click.UsageError("--resume goes on as the run was begun: it takes nothing else.")


def _wished(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _pair(text: str) -> tuple[str, str]:
    source, mark, target = text.partition("=")
    if not mark or not source.strip():
        raise click.BadParameter(f"{text!r} is not of the form A=B.", param_hint="'--glossary'")
    return source.strip(), target.strip()


# ---------------------------------------------------------------- reading


def _read(tasks: Tasks, files: Sequence[Path]) -> list[Document]:
    """Read files in their order; an error says in which one."""
    documents = []
    for file in files:
        try:
            documents.append(_standard_input() if file == STDIN else tasks.read(file))
        except RolltopError as error:
            if file == STDIN:
                raise
            params: dict[str, Any] = {**error.params, "named": file}
            raise UserError(f"{{named}}: {error.template}", hint=error.hint, **params) from error
    return documents


def _standard_input() -> Document:
    import msgspec

    from desktop.workbench.reading.encoding import decode
    from desktop.workbench.reading.reader import from_text

    text, problems = decode(sys.stdin.buffer.read() if sys.stdin is not None else b"")
    document = from_text(text)
    return msgspec.structs.replace(document, problems=(*problems, *document.problems))


# ---------------------------------------------------------------- running


def _do(options: Options, command: Command, begin: Callable[[Tasks], RunRow]) -> int:
    """Do a run to its end and print what came of it; returns the exit code."""
    with ExitStack() as stack:
        workbench = stack.enter_context(options.open())
        tasks = stack.enter_context(workbench.unsaved_tasks()) if command.no_save else workbench.tasks
        if command.resume is None:
            run = begin(tasks)
        else:
            run = _taken_up(tasks, command.task, command.resume)
            if run.status == "running" and not workbench.owner:
                raise UserError(
                    "This run may be worked on by another Rolltop that is open.",
                    hint="Close it, or go on there.",
                    code="busy",
                )
        if run.status != "done":
            try:
                run = _work(tasks, run)
            except RolltopError as error:
                say(sentences(error.text, error.hint_text, _way_on(command, tasks, run.id)))
                return FAILED
        return _report(command, tasks, run)


def _taken_up(tasks: Tasks, task: str, wanted: str) -> RunRow:
    """The run that someone wants to go on with."""
    if wanted == LAST:
        for run in tasks.runs(task):
            parts = tasks.parts(run.id) if run.status != "done" else []
            if any(part.status == "waiting" for part in parts):
                return tasks.run(run.id)
        raise UserError("There is no run that could go on.", code="gone")
    run = tasks.run(wanted)
    if run.task != task:
        raise UserError(
            "This run is of another kind.",
            hint="rolltop {task} --resume {id} goes on with it.",
            code="gone",
            task=run.task,
            id=run.id,
        )
    return run


def _work(tasks: Tasks, run: RunRow) -> RunRow:
    """Do what is left of a run under a progress bar; Ctrl+C stops it and keeps what is finished."""
    work = tasks.work(run.id)
    screen = Screen()
    # Closed before anything else is: what is left early still has to be saved.
    with stopped_by_ctrl_c(work), closing(iter(work)) as events:
        try:
            for event in events:
                screen.show(event)
        finally:
            screen.end()
    return tasks.run(run.id)


class Screen:
    """Shows how far a run is: on stderr, and only to a person."""

    def __init__(self) -> None:
        self._bar = Bar()
        self._parts: dict[int, PartRow] = {}

    def show(self, event: RunEvent) -> None:
        """Show one event."""
        from desktop.workbench.loading import ModelLoading
        from desktop.workbench.task import PartSaved, PartsPlanned, Progress, RunSaved

        match event:
            case ModelLoading(fraction=fraction):
                self._bar.show(fraction, 1.0, "loading the model")
            case PartsPlanned(parts=parts):
                self._parts |= {part.number: part for part in parts}
            case PartSaved(part=part):
                self._parts[part.number] = part
            case Progress(fraction=fraction, left_s=left_s):
                self._bar.show(fraction, 1.0, self._words(left_s))
            case RunSaved(run=run) if run.status == "done":
                self._bar.show(1.0, 1.0, self._words(None))
            case _:
                pass

    def end(self) -> None:
        """End the line."""
        self._bar.end()

    def _words(self, left_s: float | None) -> str:
        done = sum(part.status != "waiting" for part in self._parts.values())
        words = f"{done} of {len(self._parts)} parts"
        if left_s is not None:
            minutes, seconds = divmod(round(left_s), 60)
            words += f"  {minutes}:{seconds:02d} left"
        return words


# ---------------------------------------------------------------- what is printed


def _report(command: Command, tasks: Tasks, run: RunRow) -> int:
    """Print what came of a run; returns the exit code. Half a result is printed as JSON only."""
    documents, parts = tasks.documents(run.id), tasks.parts(run.id)
    if command.as_json:
        print_json(_summary(command, run, documents, parts))
    elif run.status == "done":
        _print(_diff_text(documents[0].text, run.result) if command.diff else _shown(run.result))
    if not command.as_json:
        _say_warnings(_warnings(documents, run, parts))
    if run.status == "stopped":
        done = sum(part.status != "waiting" for part in parts)
        how_far = f"stopped after {done} of {len(parts)} parts" if parts else "stopped"
        say(sentences(how_far, _way_on(command, tasks, run.id)))
        return INTERRUPTED
    if run.status == "failed":
        say(sentences(run.error, _way_on(command, tasks, run.id)))
        return FAILED
    return 0


def _way_on(command: Command, tasks: Tasks, id: str) -> str:
    """How to go on with what is kept."""
    if command.no_save or not any(part.status == "done" for part in tasks.parts(id)):
        return ""
    return f"What is finished is kept: rolltop {command.task} --resume {id} goes on."


def _print(text: str) -> None:
    text = text if text.endswith("\n") else f"{text}\n"
    write(sys.stdout, text)


def _shown(text: str) -> str:
    """Text that cannot steer a terminal, as it is for anything else."""
    return plain(text) if sys.stdout.isatty() else text


def _diff_text(before: str, after: str) -> str:
    """The text with its changes marked: by colours on a terminal, else as [-old-]{+new+}."""
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    away, new = ("\x1b[31;9m{}\x1b[0m", "\x1b[32m{}\x1b[0m") if coloured else ("[-{}-]", "{{+{}+}}")
    pieces, at = [], 0
    for change in _changes(before, after):
        pieces.append(_shown(before[at : change.start]))
        if change.end > change.start:
            pieces.append(away.format(_shown(before[change.start : change.end])))
        if change.text:
            pieces.append(new.format(_shown(change.text)))
        at = change.end
    return "".join([*pieces, _shown(before[at:])])


def _changes(before: str, after: str) -> Sequence[Change]:
    from desktop.workbench.changes import diff

    return diff(before, after)


def _summary(
    command: Command, run: RunRow, documents: Sequence[Document], parts: Sequence[PartRow]
) -> dict[str, Any]:
    """The object that `--json` prints."""
    data = dict(run.data)
    value = {
        "run": None if command.no_save else run.id,
        "status": run.status,
        "text": run.result,
        "parts": list(map(_part_json, parts)),
        "sources": list(map(_source_json, documents)),
        "coverage": data.pop("coverage", None),
        "links": data.pop("links", []),
        **data,
        "warnings": _warnings(documents, run, parts),
        "usage": run.usage,
        "timings": run.timings,
        "model": run.model,
    }
    if command.diff:
        value["changes"] = [
            {"start": change.start, "end": change.end, "text": change.text}
            for change in _changes(documents[0].text, run.result)
        ]
    return value


def _part_json(part: PartRow) -> dict[str, Any]:
    return {
        "number": part.number,
        "level": part.level,
        "source": part.source,
        "start": part.start,
        "end": part.end,
        "text": part.text,
        "status": part.status,
        "problems": [{"code": one.code, "text": one.text} for one in _problems(part.problems)],
    }


def _source_json(document: Document) -> dict[str, Any]:
    return {
        "name": document.name,
        "format": document.format,
        "characters": len(document.text),
        "pages": document.pages,
    }


def _problems(plain_ones: Sequence[dict[str, Any]]) -> list[Problem]:
    import msgspec

    from desktop.workbench.problems import Problem

    return msgspec.convert(list(plain_ones), list[Problem])


def _warnings(documents: Sequence[Document], run: RunRow, parts: Sequence[PartRow]) -> list[str]:
    """What there is to know, each once, with the places where it is so."""
    found: dict[str, list[str]] = {}
    for document in documents:
        for problem in document.problems:
            found.setdefault(problem.text, []).append(document.name)
    for problem in _problems(run.problems):
        found.setdefault(problem.text, [])
    for part in parts:
        for problem in _problems(part.problems):
            found.setdefault(problem.text, []).append(part.title or f"part {part.number + 1}")
    return [
        _warning(text, [name for name in dict.fromkeys(places) if name]) for text, places in found.items()
    ]


def _warning(text: str, places: Sequence[str]) -> str:
    if not places:
        return text
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    return f"{text} ({', '.join(places[:3])}{more})"


def _say_warnings(warnings: Sequence[str]) -> None:
    for text in warnings[:WARNINGS]:
        say(text)
    if len(warnings) > WARNINGS:
        say(f"{len(warnings) - WARNINGS} more warnings; --json prints all of them.")
