"""`rolltop models`: the library, the hub, downloads and memory plans from a terminal."""

from __future__ import annotations

import math
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from desktop.terminal import (
    Bar,
    Options,
    data_dir_option,
    plain,
    print_json,
    print_table,
    say,
    size_text,
)
from models.errors import RolltopError

if TYPE_CHECKING:
    from models.downloads import Item
    from models.fit import Plan
    from models.hub import Found, Sort
    from models.library import Model

T = TypeVar("T")

MODEL_KEYS = (
    *("id", "name", "publisher", "architecture", "parameters", "quantization"),
    *("size_bytes", "context_length", "chat_template", "license", "place"),
)
LIST_HEAD = ("id", "name", "parameters", "quantization", "size", "context", "can", "place")
FOUND_HEAD = ("repository", "parameters", "downloads", "likes", "changed")
OFFER_HEAD = ("quantization", "size", "quality", "here", "file")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("models", invoke_without_command=True)
@json_option
@data_dir_option
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """Models on this computer, and how to get others. Without a command: list them."""
    if context.invoked_subcommand is None:
        context.invoke(list_, as_json=as_json)


@models.command("list")
@json_option
@data_dir_option
@click.pass_obj
def list_(options: Options, as_json: bool) -> None:
    """List the models of the library."""
    with options.open() as workbench:
        found = [entry.model for entry in workbench.collection.scan()]
        for path, error in workbench.collection.problems():
            say(f"left out {path}: {error.text}")
    if as_json:
        print_json([_facts(model) for model in found])
    else:
        print_table(LIST_HEAD, [_row(model) for model in found])


@models.command()
@click.argument("model")
@click.option("--template", is_flag=True, help="Print the chat template alone.")
@json_option
@data_dir_option
@click.pass_obj
def show(options: Options, model: str, template: bool, as_json: bool) -> None:
    """Show all that MODEL says about itself, or what a repository PUBLISHER/REPO of the hub offers."""
    with options.open() as workbench:
        if address := _repository_named(workbench, model):
            facts = workbench.finder.repository(address)
            if as_json:
                print_json(_repository_json(facts))
            else:
                _print_repository(facts)
            return
        found = workbench.library.get(model)
        header = workbench.collection.details(found)
    if template:
        click.echo(plain(header.chat_template or ""))
        return
    if as_json:
        print_json(
            {**_facts(found), "metadata": {key: _value(value) for key, value in header.metadata.items()}}
        )
        return
    for key, value in _facts(found).items():
        click.echo(f"{key:<16}{plain(str(value))}")
    click.echo()
    for key, value in header.metadata.items():
        click.echo(f"{plain(key)}: {plain(' '.join(str(_value(value)).split()))[:300]}")


@models.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--sort", type=click.Choice(["downloads", "likes", "date", "trending"]), default="downloads")
@click.option("--limit", type=click.IntRange(1, 100), default=20, metavar="N")
@click.option("--max-parameters", metavar="N", help="The largest, such as 8B.")
@json_option
@data_dir_option
@click.pass_obj
def search(
    options: Options,
    words: tuple[str, ...],
    sort: Sort,
    limit: int,
    max_parameters: str | None,
    as_json: bool,
) -> None:
    """Search the hub for GGUF models that have these WORDS in their names."""
    most = _number(max_parameters) if max_parameters else None
    with options.open() as workbench:
        found = workbench.finder.hub.search(
            " ".join(words),
            sort=sort,
            limit=limit,
            max_parameters=most,
        )
    if as_json:
        print_json([_found_json(one) for one in found])
    else:
        print_table(FOUND_HEAD, [_found_row(one) for one in found])


@models.command()
@click.argument("repo")
@click.argument("wanted", required=False, default="", metavar="[FILE or QUANT]")
@json_option
@data_dir_option
@click.pass_obj
def download(options: Options, repo: str, wanted: str, as_json: bool) -> None:
    """Download a model from the repository REPO, an address or PUBLISHER/REPO; goes on where it stopped."""
    with options.open() as workbench:
        item = workbench.finder.download_named(repo, wanted)
        bar = Bar(quiet=as_json)
        try:
            id = item.id
            for item in workbench.downloads.run(id):
                bar.show(item.done, item.total, _pace(item))
        except KeyboardInterrupt:
            say("stopped; the same command goes on where it was.")
            raise
        finally:
            bar.end()
        if item.status == "failed" and item.error is not None:
            raise item.error
        model = workbench.library.get(str(workbench.downloads.target(item)))
    if as_json:
        print_json(_facts(model))
    else:
        click.echo(f"{model.id}  {plain(str(model.path))}")


@models.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--copy", is_flag=True, help="Copy it into the app's folder instead of linking to it.")
@json_option
@data_dir_option
@click.pass_obj
def import_(options: Options, file: Path, copy: bool, as_json: bool) -> None:
    """Take a GGUF FILE, with its shards and its image part, into the library."""
    with options.open() as workbench:
        model = _watched(workbench.collection.importing([file], "copy" if copy else "link"), quiet=as_json)
    if as_json:
        print_json(_facts(model))
    else:
        click.echo(f"{model.id}  {plain(str(model.path))}")


@models.command()
@click.argument("model")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--for-good", is_flag=True, help="Delete instead of moving to the trash.")
@data_dir_option
@click.pass_obj
def remove(options: Options, model: str, yes: bool, for_good: bool) -> None:
    """Move MODEL to the system's trash."""
    with options.open() as workbench:
        found = workbench.library.get(model)
        freed = size_text(workbench.collection.freed_by(found))
        if not yes:
            click.confirm(f"Remove {plain(found.name)} and free {freed}?", abort=True, err=True)
        workbench.collection.remove(found, for_good=for_good)
    say(f"removed {found.id}, {freed}.")


@models.command()
@click.option("--add", type=click.Path(path_type=Path), metavar="DIR", help="Look into this folder as well.")
@click.option("--remove", type=click.Path(path_type=Path), metavar="DIR", help="Look into it no more.")
@json_option
@data_dir_option
@click.pass_obj
def folders(options: Options, add: Path | None, remove: Path | None, as_json: bool) -> None:
    """List the folders that models are found in, or change them."""
    with options.open() as workbench:
        if add is not None:
            workbench.collection.add_folder(add)
        if remove is not None:
            workbench.collection.remove_folder(remove)
        rows = workbench.collection.all_folders()
    if as_json:
        print_json([{"place": place, "folder": str(folder)} for place, folder in rows])
    else:
        print_table(("place", "folder"), [[place, plain(str(folder))] for place, folder in rows])


@models.command()
@click.argument("model")
@click.argument("type", metavar="TYPE")
@json_option
@data_dir_option
@click.pass_obj
def quantize(options: Options, model: str, type: str, as_json: bool) -> None:
    """Make a smaller file of MODEL (F16, BF16, F32 or Q8_0) in another TYPE, such as Q4_K_M."""
    with options.open() as workbench:
        found = workbench.library.get(model)
        made = _watched(workbench.collection.quantizing(found, type.upper()), quiet=as_json)
    if as_json:
        print_json(_facts(made))
    else:
        click.echo(f"{made.id}  {plain(str(made.path))}")


@models.command()
@click.argument("model")
@click.option("--context", type=click.IntRange(64, 1 << 24), metavar="N", help="Tokens kept in mind.")
@click.option("--kv", type=click.Choice(["f16", "q8_0", "q4_0"]), help="Type of the context's cache.")
@click.option("--gpu-layers", type=click.IntRange(-1, 10_000), metavar="N", help="-1: as many as fit.")
@json_option
@data_dir_option
@click.pass_obj
def plan(
    options: Options, model: str, context: int | None, kv: str | None, gpu_layers: int | None, as_json: bool
) -> None:
    """Print the memory that MODEL would take, and whether it fits."""
    given = {"context_size": context, "kv_type": kv, "gpu_layers": gpu_layers}
    wish = {key: value for key, value in given.items() if value is not None}
    with options.open() as workbench:
        found = workbench.library.get(model)
        made = workbench.collection.plan(found, wish)
    if as_json:
        print_json(_plan_json(made))
    else:
        _print_plan(made)


# ---------------------------------------------------------------- progress


def _watched(work: Generator[float, None, T], *, quiet: bool) -> T:
    """Run long work to its end under a bar; Ctrl+C leaves nothing half made."""
    bar = Bar(quiet=quiet)
    try:
        while True:
            bar.show(next(work), 1.0)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        work.close()
        bar.end()


def _pace(item: Item) -> str:
    words = f"{size_text(item.done)} of {size_text(item.total)}"
    if item.speed >= 1:
        words += f"  {size_text(round(item.speed))}/s"
    if item.remaining_s:
        minutes, seconds = divmod(round(item.remaining_s), 60)
        words += f"  {minutes}:{seconds:02d} left"
    return words


# ---------------------------------------------------------------- what is printed


def _facts(model: Model) -> dict[str, Any]:
    return {
        **{key: getattr(model, key) for key in MODEL_KEYS},
        "path": str(model.path),
        "capabilities": sorted(model.capabilities),
        "mmproj": str(model.mmproj) if model.mmproj else None,
    }


def _row(model: Model) -> list[str]:
    return [
        model.id,
        plain(model.name),
        f"{model.parameters / 1e6:,.0f}M",
        model.quantization,
        size_text(model.size_bytes),
        str(model.context_length or "?"),
        ", ".join(sorted(model.capabilities)),
        model.place,
    ]


def _value(value: object) -> Any:
    """A value of the metadata as plain JSON; what was too long to keep is told by its length."""
    from models.gguf import ArraySummary

    if isinstance(value, ArraySummary):
        return {"type": value.type, "length": value.length}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return list(map(_value, value)) if isinstance(value, tuple) else value


def _found_json(found: Found) -> dict[str, Any]:
    return {
        "repo": found.repo,
        "parameters": found.parameters,
        "downloads": found.downloads,
        "likes": found.likes,
        "updated": found.updated.isoformat() if found.updated else None,
        "license": found.license,
        "gated": found.gated,
        "capabilities": list(found.capabilities),
    }


def _found_row(found: Found) -> list[str]:
    day = found.updated.date().isoformat() if found.updated else ""
    parameters = f"{found.parameters / 1e6:,.0f}M" if found.parameters else "?"
    return [plain(found.repo), parameters, f"{found.downloads:,}", f"{found.likes:,}", day]


def _repository_named(workbench: Any, text: str) -> str:
    """The repository that a text names, "" when it names a model of the library or a file."""
    try:
        workbench.library.get(text)
    except RolltopError:
        address = workbench.finder.hub.resolve(text)
        return address.repo if address is not None else ""
    return ""


def _repository_json(facts: Any) -> dict[str, Any]:
    repository = facts.repository
    return {
        **_found_json(repository),
        "revision": repository.revision,
        "offers": [
            {
                "quantization": offer.quantization,
                "files": [file.path for file in offer.files],
                "projector": offer.projector.path if offer.projector else None,
                "size_bytes": offer.size,
                "quality": offer.quality,
                "verdict": facts.verdicts.get(offer.files[0].path, ""),
                "recommended": offer.recommended,
            }
            for offer in repository.offers
        ],
    }


def _print_repository(facts: Any) -> None:
    repository = facts.repository
    click.echo(f"{repository.repo}  {plain(repository.license)}  {repository.revision[:12]}")
    rows = [
        [
            offer.quantization + (" *" if offer.recommended else ""),
            size_text(offer.size),
            offer.quality.replace("_", " "),
            facts.verdicts.get(offer.files[0].path, "").replace("_", " "),
            plain(offer.files[0].path),
        ]
        for offer in repository.offers
    ]
    print_table(OFFER_HEAD, rows)


def _plan_json(plan: Plan) -> dict[str, Any]:
    return {
        "verdict": plan.verdict,
        "context_size": plan.context_size,
        "kv_type": plan.options.kv_type,
        "gpu_layers": plan.gpu_layers,
        "layers": plan.layers,
        "total_bytes": plan.needed,
        "memories": [
            {
                "name": need.device or "RAM",
                "parts": dict(need.parts),
                "needed_bytes": need.needed,
                "available_bytes": need.available,
            }
            for need in (plan.host, *plan.gpus)
        ],
    }


def _print_plan(plan: Plan) -> None:
    words = plan.verdict.replace("_", " ")
    on_gpu = f", {plan.gpu_layers} of {plan.layers} layers on the GPU" if plan.gpus else ""
    click.echo(f"{words}: context {plan.context_size}, {plan.options.kv_type}{on_gpu}")
    rows = []
    for need in (plan.host, *plan.gpus):
        parts = [*need.parts, ("needed", need.needed), ("available", need.available)]
        rows += [[need.device or "RAM", part, size_text(size)] for part, size in parts]
    print_table(("memory", "part", "size"), rows)
    if plan.problem is not None:
        click.echo(plan.problem.hint_text)


def _number(text: str) -> int:
    """A count such as "8B", "350M" or "500000"."""
    units = {"k": 1e3, "m": 1e6, "b": 1e9}
    digits, unit = (text[:-1], text[-1].lower()) if text[-1:].lower() in units else (text, "")
    try:
        number = int(float(digits) * units.get(unit, 1.0))
        if number < 1:
            raise ValueError(text)
        return number
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text} is not a number such as 8B.") from None
