"""Summaries of real lengths with the starter model: a PDF of 100 pages, 30,000 words of Markdown, Chinese.

`uv run python tests/benchmarks/documents.py [--share 0.1] [--only PDF]`. Each is begun in another process
that is killed half-way, then taken up again. Told are the share that was read, whether every link points
where it says, which finished parts were asked for again (none may be), and seconds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from documents import make_pdf
from flows.long_text import begin_and_kill, check_links, resume
from texts import chinese, report

from desktop.workbench.reading.document import Document
from desktop.workbench.reading.reader import read
from desktop.workbench.summarize import SummaryOptions

PAGES, WORDS_A_PAGE, WORDS, CHARACTERS = 100, 300, 30_000, 20_000
PARTS_BEFORE = {"PDF": 24, "Markdown": 20, "Chinese": 13}
"""Parts that are finished before the kill: about half of them."""
KINDS = {"PDF": "key_points", "Markdown": "abstract", "Chinese": "abstract"}


def documents(folder: Path, share: float) -> Iterator[tuple[str, Document]]:
    """The three documents, read from files as a person would open them."""
    texts = [report(WORDS_A_PAGE, seed=page).replace("#", "") for page in range(int(PAGES * share))]
    pdf, markdown, text = folder / "report.pdf", folder / "report.md", folder / "年报.txt"
    make_pdf(pdf, texts, header="Report of the town", numbers=True)
    markdown.write_text(report(int(WORDS * share), seed=7), encoding="utf-8")
    text.write_text(chinese(int(CHARACTERS * share), seed=7), encoding="gb18030")
    for name, path in (("PDF", pdf), ("Markdown", markdown), ("Chinese", text)):
        started = time.monotonic()
        document = read(path)
        took = time.monotonic() - started
        size = f"{len(document.text):,} characters, {len(document.text.split()):,} words"
        print(f"{name}: {size}, {document.pages} pages, read in {took:.1f} s")
        yield name, document


def main() -> None:
    """Print one block of figures for each document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=float, default=1.0, help="of the full lengths")
    parser.add_argument("--only", default="", help="PDF, Markdown or Chinese")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, document in documents(Path(folder), options.share):
            if options.only in ("", name):
                after = max(1, int(PARTS_BEFORE[name] * options.share))
                summarize(Path(folder) / name, document, KINDS[name], after)


def summarize(folder: Path, document: Document, kind: str, after: int) -> None:
    """Summarize one document, killed on its way."""
    started = time.monotonic()
    killed = begin_and_kill(folder, document, SummaryOptions(kind=kind, length="medium"), after=after)
    half = time.monotonic() - started
    run, parts, asked = resume(folder, killed)
    repeated = set(killed.done) & asked
    same = all(parts[number].text == text for number, text in killed.done.items())
    links = run.data["links"]
    found = check_links(run, parts, [document])
    levels = [sum(part.level == level for part in parts) for level in range(max(p.level for p in parts) + 1)]
    print(f"  {run.status}; parts by level {levels}; coverage {run.data['coverage']:.1%}")
    print(
        f"  killed after {half:.0f} s with {len(killed.done)} finished parts; repeated {len(repeated)}, ",
        end="",
    )
    print("their texts unchanged" if same else "THEIR TEXTS CHANGED")
    print(
        f"  {len(links)} sentences, all links checked: {found} to a sentence, "
        f"{sum(not parts[link['part']].level for link in links) - found} to a part, the rest to the whole; "
        f"{len(run.problems)} remarks"
    )
    for link in sorted(links, key=lambda link: -link["score"])[:3]:
        said, source = run.result[link["start"] : link["end"]], document.text[link["from"] : link["to"]]
        print(f"    {link['score']:.2f} {said[:100]!r} from {source[:100]!r}")
    print(f"  work after it {time.monotonic() - started - half:.0f} s; {run.usage}")
    print("  " + run.result[:400].replace("\n", "\n  "))


if __name__ == "__main__":
    main()
