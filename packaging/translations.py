"""Finds every text a user sees and keeps the translations: `uv run python packaging/translations.py`.

Qt's lupdate sees neither the errors of the lower floors, which know nothing of Qt, nor the settings, the
catalogue and the kinds of tasks, which are data; so the texts are found here, by reading the sources. The
file of each language is updated in place (new texts come in unfinished, texts that are gone are dropped) and
compiled with Qt's own lrelease.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import PySide6

from desktop.workbench.rewrite import TASKS
from desktop.workbench.summarize import KINDS
from models import catalogue

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "resources" / "translations"
LANGUAGES = ("zh_CN",)
MARKS = ("translate", "QT_TRANSLATE_NOOP")
ERRANDS = ("errand", "_errand", "_ask")
"""Methods whose first argument is the reason for going out to the network; others take it as `reason`."""

Text = tuple[str, str]
"""Context and English text."""


def texts() -> list[Text]:
    """Every text, in a stable order."""
    files = [path for floor in ("models", "desktop") for path in (ROOT / floor).rglob("*.py")]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    errors = _error_classes(nodes)
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    found = {text for call in calls for text in _texts_of(call, errors)}
    found |= {("Catalogue", text) for text in catalogue.texts()}
    for context, offered in (("Summary", KINDS), ("Rewrite", TASKS)):
        found |= {(context, text) for one in offered.values() for text in (one.label, one.help)}
    return sorted(found)


def _error_classes(nodes: list[ast.AST]) -> set[str]:
    """The names of RolltopError and all that is derived from it."""
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    found = {"RolltopError"}
    while more := {c.name for c in classes if found & set(map(_name, c.bases))} - found:
        found |= more
    return found


def _texts_of(call: ast.Call, errors: set[str]) -> Iterator[Text]:
    called = _name(call.func)
    if called in MARKS and len(call.args) >= 2:
        for context in _literals(call.args[0]):
            yield from ((context, text) for text in _literals(call.args[1]))
    elif called == "Setting":
        yield from (("Settings", text) for part in call.args[3:5] for text in _literals(part))
    elif called in errors or called in ("__init__", "sentence"):
        hints = [word.value for word in call.keywords if word.arg == "hint"]
        yield from (("Errors", text) for part in (*call.args[:1], *hints) for text in _literals(part))
    else:
        reasons = [word.value for word in call.keywords if word.arg == "reason"]
        if isinstance(call.func, ast.Attribute) and called in ERRANDS:
            reasons += call.args[:1]
        yield from (("Network", text) for part in reasons for text in _literals(part))


def _literals(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be, as far as they are written there."""
    match node:
        case ast.Constant(value=str(text)) if text:
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from _literals(body)
            yield from _literals(orelse)


def _name(node: ast.expr) -> str:
    return getattr(node, "id", getattr(node, "attr", ""))


def translations(file: Path) -> dict[Text, str]:
    """The finished translations in a .ts file."""
    if not file.exists():
        return {}
    return {
        (context.findtext("name") or "", message.findtext("source") or ""): done.text or ""
        for context in ET.parse(file).iter("context")
        for message in context.iter("message")
        if (done := message.find("translation")) is not None and done.get("type") != "unfinished"
    }


def update(file: Path, language: str) -> list[Text]:
    """Bring a .ts file up to date with the sources; gives the texts that have no translation yet."""
    known, wanted = translations(file), texts()
    root = ET.Element("TS", version="2.1", language=language, sourcelanguage="en")
    for name in sorted({context for context, _ in wanted}):
        context = ET.SubElement(root, "context")
        ET.SubElement(context, "name").text = name
        for text in (text for where, text in wanted if where == name):
            message = ET.SubElement(context, "message")
            ET.SubElement(message, "source").text = text
            translation = ET.SubElement(message, "translation")
            translation.text = known.get((name, text), "")
            if not translation.text:
                translation.set("type", "unfinished")
    ET.indent(root)
    file.write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n'
        + ET.tostring(root, encoding="unicode")
        + "\n",
        encoding="utf-8",
    )
    return [text for text in wanted if text not in known]


def compiled(file: Path) -> Path:
    """Compile a .ts file to the .qm file that the app reads."""
    made = file.with_suffix(".qm")
    lrelease = Path(PySide6.__file__).parent / ("lrelease.exe" if sys.platform == "win32" else "lrelease")
    subprocess.run([lrelease, "-silent", file, "-qm", made], check=True)
    return made


def main() -> int:
    """Update and compile every language; the exit code is 1 while something is not translated."""
    missing = 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        file = FOLDER / f"rolltop_{language}.ts"
        for context, text in update(file, language):
            print(f"{file.name}: {context}: {text}")
            missing += 1
        compiled(file)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
