"""The command line: the same workbench from a terminal."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from desktop.cli_models import models
from desktop.cli_tasks import rewrite, summarize
from desktop.terminal import (
    Options,
    data_dir_option,
    plain,
    prepare_streams,
    print_json,
    say,
    sentences,
    silence_stdout,
    size_text,
    stopped_by_ctrl_c,
    write,
)
from models.errors import RolltopError, UserError

if TYPE_CHECKING:
    from desktop.workbench.chat import Chats
    from desktop.workbench.chat_settings import ChatSettings
    from desktop.workbench.turn import Turn, TurnEvent
    from models.engine.pool import Starter
    from models.engine.protocol import Adapter

FAILED, USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141
USAGE_KEYS = ("prompt_tokens", "cached_tokens", "completion_tokens")
TIMING_KEYS = ("load_s", "prompt_s", "first_token_s", "decode_s", "tokens_per_second")

F = TypeVar("F", bound=Callable[..., Any])
ENGINE_ROLE = "--engine-"
"""What the hidden arguments begin with that a built app starts its engines with."""
READER_ROLE = "--read-document"
"""The hidden argument with which a built app reads a document in a process of its own."""


def main(argv: Sequence[str] | None = None, *, start_engine: Starter | None = None) -> int:
    """Run the command line; returns the exit code. Errors are one line on stderr."""
    args = list(sys.argv[1:] if argv is None else argv)
    if args and args[0].startswith(ENGINE_ROLE):
        return _serve_engine(args)
    if args and args[0] == READER_ROLE:
        _read_document(args[1:])
    prepare_streams()
    options = Options(start_engine=start_engine)
    try:
        with rolltop.make_context("rolltop", args, obj=options) as context:
            code = rolltop.invoke(context)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "rolltop"
        say(f"{error.format_message()} See: {command} --help")
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except RolltopError as error:
        say(sentences(error.text, error.hint_text))
        return FAILED
    except BrokenPipeError:
        silence_stdout()
        return BROKEN_PIPE
    except OSError as error:
        silence_stdout()
        say(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        return FAILED
    except ImportError:
        raise  # told by whoever started us
    except Exception as error:
        if options.debug:
            click.echo(traceback.format_exc(), err=True)
        say(f"this is a bug in Rolltop: {type(error).__name__}: {error} (rolltop --debug ... shows where)")
        return FAILED


# ---------------------------------------------------------------- commands


def _version() -> str:
    from importlib.metadata import version

    return version("rolltop")


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"rolltop {_version()}")
        context.exit()


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@data_dir_option
@click.option("--debug", is_flag=True, help="Show where it happened when Rolltop itself has a bug.")
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version)
@click.pass_context
def rolltop(context: click.Context, debug: bool) -> int | None:
    """Private work with language models on your own computer. Without a command: open the window."""
    options: Options = context.obj
    options.debug = debug
    return _open_window(options) if context.invoked_subcommand is None else None


def _open_window(options: Options) -> int:
    try:
        from desktop.ui.app import main as open_window
    except ImportError as error:
        raise UserError(
            "The window cannot be opened: {reason}.",
            hint="README lists what a window needs on each system; rolltop chat works without one.",
            reason=error,
        ) from error
    return open_window(options.data_dir)


@rolltop.command()
@click.argument("text")
@click.option("--model", metavar="M", help="An id of the library, or the path of a GGUF file.")
@click.option("--system", metavar="S", help="The system prompt.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), metavar="N", help="The same seed, the same chances."
)
@click.option("--temperature", type=click.FloatRange(0, 10), metavar="T", help="0 takes the likeliest token.")
@click.option(
    "--max-tokens", type=click.IntRange(0, 1 << 24), metavar="N", help="Longest answer; 0: no limit."
)
@click.option("--context", type=click.IntRange(64, 1 << 24), metavar="N", help="Tokens kept in mind.")
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    metavar="FILE[:S]",
    help="A LoRA adapter and its strength; repeatable.",
)
@click.option("--conversation", metavar="ID", help="Go on with a saved conversation.")
@click.option("--no-save", is_flag=True, help="Keep nothing of it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end instead of the text.")
@data_dir_option
@click.pass_obj
def chat(
    options: Options,
    text: str,
    model: str | None,
    system: str | None,
    seed: int | None,
    temperature: float | None,
    max_tokens: int | None,
    context: int | None,
    adapters: tuple[str, ...],
    conversation: str | None,
    no_save: bool,
    as_json: bool,
) -> int:
    """Send TEXT to a model and print its answer. TEXT - reads it from standard input."""
    from desktop.workbench.chat import sendable

    if no_save and conversation:
        raise click.UsageError("--no-save and --conversation do not go together.")
    text = sendable(_read_stdin() if text == "-" else text)
    with ExitStack() as stack:
        workbench = stack.enter_context(options.open())
        chats = stack.enter_context(workbench.unsaved_chats()) if no_save else workbench.chats
        change = partial(_with, seed, temperature, max_tokens, context, adapters)
        id = _conversation(chats, conversation, model, system, change)
        turn = chats.send(id, text)
        _show(turn, quiet=as_json)
        if as_json:
            print_json(_summary(turn, None if no_save else id))
        return INTERRUPTED if turn.cancelled else 0


@rolltop.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@data_dir_option
@click.pass_obj
def info(options: Options, as_json: bool) -> None:
    """Tell versions, devices and folders."""
    with options.open() as workbench:
        facts = workbench.info()
    if as_json:
        print_json(facts)
        return
    for name, version in facts["versions"].items():
        click.echo(f"{name:<18}{version}")
    for device in facts["devices"]:
        memory = f" ({size_text(device['memory_total'])})" if device.get("memory_total") else ""
        click.echo(f"{'device':<18}{plain(device['name'])}: {plain(device['description'])}{memory}")
    for name, folder in facts["folders"].items():
        click.echo(f"{name:<18}{folder}")


rolltop.add_command(models)
rolltop.add_command(summarize)
rolltop.add_command(rewrite)


# ---------------------------------------------------------------- chat


def _with(
    seed: int | None,
    temperature: float | None,
    max_tokens: int | None,
    context: int | None,
    adapters: Sequence[str],
    settings: ChatSettings,
) -> ChatSettings:
    """The settings with what was given on the command line."""
    import msgspec

    sampling = {"seed": seed, "temperature": temperature}
    own = {"max_tokens": max_tokens, "context_size": context}
    return replace(
        settings,
        sampling=msgspec.structs.replace(
            settings.sampling, **{key: value for key, value in sampling.items() if value is not None}
        ),
        adapters=tuple(map(_adapter, adapters)) or settings.adapters,
        **{key: value for key, value in own.items() if value is not None},  # type: ignore[arg-type]
    )


def _adapter(text: str) -> Adapter:
    """A file with its strength after a colon, 1 when there is none."""
    from models.engine.protocol import Adapter

    path, _, strength = text.rpartition(":")
    try:
        scale = float(strength)
    except ValueError:
        path, scale = text, 1.0
    return Adapter(os.path.abspath(path), scale)


def _conversation(
    chats: Chats,
    id: str | None,
    model: str | None,
    system: str | None,
    change: Callable[[ChatSettings], ChatSettings],
) -> str:
    """The conversation to send to: a new one, or a saved one with what was changed."""
    if id is None:
        chosen = chats.library.get(model) if model else chats.default_model()
        settings = change(chats.defaults(chosen))
        return chats.new(system=system or "", model=model or "", settings=settings).id
    if model is not None:
        chats.set_model(id, model)
    if system is not None:
        chats.set_system(id, system)
    chats.set_settings(id, change(chats.settings_of(id)))
    return id


def _show(turn: Turn, *, quiet: bool) -> None:
    """Run a turn and print what it says; Ctrl+C stops it and keeps the answer so far."""
    screen = Screen(quiet)
    # Closed before anything else is: an answer that is left early still has to be saved.
    with stopped_by_ctrl_c(turn), closing(iter(turn)) as events:
        try:
            for event in events:
                screen.show(event)
        finally:
            screen.end()


class Screen:
    """Shows the events of a turn: the answer on stdout, all else on stderr and only to a person.

    Attributes:
        quiet: show no text of the answer.
    """

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self._out, self._err = sys.stdout, sys.stderr
        self._person = self._err.isatty()
        self._loading = self._thinking = False
        self._last = ""

    def show(self, event: TurnEvent) -> None:
        """Show one event."""
        from desktop.workbench.loading import ModelLoading
        from desktop.workbench.turn import PlainFormat
        from models.engine.protocol import Finished, TextDelta, ThinkingDelta

        match event:
            case ModelLoading(fraction=fraction) if self._person:
                self._loading = True
                write(self._err, f"\rloading the model {fraction:4.0%}")
            case PlainFormat():
                self._clear()
                say("this model has no chat template; it completes a plain transcript.")
            case ThinkingDelta(text=text) if self._person and not self.quiet:
                self._clear()
                self._thinking = True
                write(self._err, f"\x1b[2m{plain(text)}\x1b[0m")
            case TextDelta(text=text) if not self.quiet:
                self._clear()
                self._last = text
                write(self._out, plain(text) if self._out.isatty() else text)
            case Finished(finish_reason="context"):
                self._clear()
                say("the answer ends here because the context is full.", after=self._last)
            case _:
                pass

    def end(self) -> None:
        """End the line that was begun."""
        self._clear()
        if self._last and not self._last.endswith("\n"):
            write(self._out, "\n")

    def _clear(self) -> None:
        """Take away what stands on the line before other text comes."""
        if self._loading:
            self._loading = False
            write(self._err, "\r\x1b[K")
        if self._thinking:
            self._thinking = False
            write(self._err, "\n")


def _summary(turn: Turn, conversation_id: str | None) -> dict[str, Any]:
    """The object that `chat --json` prints."""
    answer = turn.answer
    usage = answer.usage if answer else {}
    timings = answer.timings if answer else {}
    return {
        "text": answer.content if answer else "",
        "finish_reason": answer.finish_reason if answer else "cancelled",
        "model": answer.model if answer else "",
        "usage": {key: usage.get(key, 0) for key in USAGE_KEYS},
        "timings": {key: timings.get(key, 0.0) for key in TIMING_KEYS},
        "conversation_id": conversation_id,
    }


def _read_stdin() -> str:
    """All of standard input, without the line end that `echo` adds."""
    if sys.stdin is None:
        return ""
    return sys.stdin.buffer.read().decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")


# ---------------------------------------------------------------- built apps


def _read_document(args: list[str]) -> NoReturn:
    """What a built app starts itself for to read a document, see `desktop.workbench.reading`."""
    from desktop.workbench.reading.child import main as read_document

    read_document(args)


def _serve_engine(args: list[str]) -> int:
    """What a built app starts itself for: a child process, see `models.engine.__main__`."""
    from models.engine.__main__ import main as serve

    return serve([args[0].removeprefix(ENGINE_ROLE), *args[1:]])
