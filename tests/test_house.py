"""The rules of the house that import-linter cannot see."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(p for part in ("desktop", "models", "resources") for p in (ROOT / part).rglob("*.py"))
THREADS = {"Thread", "Timer", "ThreadPoolExecutor", "ProcessPoolExecutor"}
THREADS |= {"QThread", "QThreadPool", "QRunnable"}


def trees(*below: str) -> Iterator[tuple[str, ast.AST]]:
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        if not below or name.startswith(below):
            yield name, ast.parse(path.read_text())


def names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.ImportFrom(names=aliases):
                yield from (alias.name for alias in aliases)


def test_threads_are_made_in_one_file_only() -> None:
    found = {file for file, tree in trees() if THREADS & set(names(tree))}
    assert found == {"desktop/ui/jobs.py"}


def test_nothing_waits_by_running_the_event_loop() -> None:
    assert not {file for file, tree in trees() if "processEvents" in set(names(tree))}


def test_translated_texts_are_literals() -> None:
    """Only a literal can be found by the extraction of texts, and only a template can be translated."""
    for file, tree in trees("desktop/ui"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "translate":
                if len(node.args) < 2 or "QCoreApplication" not in ast.unparse(node.func):
                    continue
                text = node.args[1]
                fixed = isinstance(text, (ast.Constant, ast.Name | ast.Attribute))
                assert fixed, f"{file}:{node.lineno} translates {ast.unparse(text)}"


def test_the_layout_of_the_top_is_fixed() -> None:
    allowed = {"pyproject.toml", "README.md", "desktop", "models", "resources", "tests", "packaging"}
    allowed |= {"LICENSE", "CHANGELOG.md", "uv.lock", "dist", "build"}
    assert {p.name for p in ROOT.iterdir() if not p.name.startswith(".")} <= allowed


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_everything_public_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    public = [n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name[0] != "_"]
    assert not [node.name for node in public if not ast.get_docstring(node)]
