"""Damaged and hostile files end in a clear sentence, within their limits, and leave nothing running."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hostile
import pytest
from documents import check

from desktop.workbench.reading import reader
from desktop.workbench.reading.document import Document
from models.errors import UserError

REMARKS = {
    "page.pdf": "wrong_extension",
    "text.docx": "wrong_extension",
    "text.html": "wrong_extension",
    "paper.txt": "wrong_extension",
    "partly.pdf": "scanned_pages",
    "gb18030.txt": "encoding",
    "sjis.txt": "encoding",
    "latin1.txt": "encoding",
    "broken.txt": "odd_bytes",
    "zeros.txt": "odd_bytes",
    "formulas.xlsx": "formulas",
    "far.xlsx": "wide",
}


def attempt(path: Path) -> Document | UserError:
    try:
        return reader.read(path)
    except UserError as error:
        return error


@pytest.mark.timeout(300)
def test_hostile_files(tmp_path: Path) -> None:
    expected = hostile.make(tmp_path)
    assert len(expected) >= 30
    with ThreadPoolExecutor(2) as two:  # any other exception, a hang or a crash would surface here
        results = list(two.map(attempt, (tmp_path / name for name in expected)))
    wrong = {}
    for (name, code), result in zip(expected.items(), results, strict=True):
        got = result.code if isinstance(result, UserError) else None
        if got != code:
            wrong[name] = (got, str(result)[:200])
            continue
        if isinstance(result, UserError):
            assert result.text, name
            assert result.hint, name
            assert str(tmp_path) not in result.text
        else:
            check(result)
            codes = [problem.code for problem in result.problems]
            assert codes == ([REMARKS[name]] if name in REMARKS else []), name
    assert not wrong
