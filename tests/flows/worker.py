"""Works on one run and tells each part that is stored, to be killed by a test.

Run as `python -m flows.worker FOLDER RUN`. Lines on stdout, each written at once: `asked NUMBER` when the
first text of a part comes, `saved NUMBER STATUS` when a part is stored, `end STATUS`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from desktop.workbench.task import PartSaved, PartText, RunSaved
from desktop.workbench.workbench import Workbench


def tell(*words: object) -> None:
    """One line, written in one piece."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def main() -> None:
    """Work until the run is done or the process is killed."""
    with Workbench.open(Path(sys.argv[1])) as workbench:
        heard: set[int] = set()
        for event in workbench.tasks.work(sys.argv[2]):
            match event:
                case PartText(number=number) if number not in heard:
                    heard.add(number)
                    tell("asked", number)
                case PartSaved(part=part):
                    tell("saved", part.number, part.status)
                case RunSaved(run=run):
                    tell("end", run.status)


if __name__ == "__main__":
    main()
