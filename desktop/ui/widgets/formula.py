"""Formulas: LaTeX drawn by ziamath as SVG, made off the GUI thread where there is a road off it.

ziamath takes some 0.4 s to import and up to 30 ms a formula, so a formula is shown as its source until
its drawing is ready, and drawings are kept.
"""

from __future__ import annotations

import re
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QObject, QTimer, Signal
from PySide6.QtSvg import QSvgRenderer

from desktop.ui.widgets.markdown import MAX_FORMULA

if TYPE_CHECKING:
    from desktop.ui.jobs import Jobs

KEPT = 512
MAX_SIZE = 6_000.0
MAX_BRACES = 40
_INK = "#010203"
"""Stands for the text colour in a kept drawing."""


@dataclass(frozen=True)
class Drawing:
    """A formula as SVG. `ascent` and `descent` are pixels above and below the baseline."""

    svg: str
    width: float
    ascent: float
    descent: float

    def renderer(self, color: str) -> QSvgRenderer:
        """Draws it in a colour."""
        return QSvgRenderer(QByteArray(self.svg.replace(_INK, color).encode()))


def draw(source: str, display: bool, size: float) -> Drawing | None:
    """LaTeX as a drawing, or None when it cannot be read; slow, see above."""
    if len(source) > MAX_FORMULA or _depth(source) > MAX_BRACES:
        return None
    try:
        ziamath = _ziamath()
        math = ziamath.Latex(source, size=size, color=_INK, inline=not display)
        svg = math.svg()
    except Exception:  # whatever a parser of strange input raises, the source is shown instead
        return None
    box = re.search(r'viewBox="([-\d.]+) ([-\d.]+) ([\d.]+) ([\d.]+)"', svg)
    if box is None:
        return None
    top, width, height = float(box[2]), float(box[3]), float(box[4])
    if not (0 < width < MAX_SIZE and 0 < height < MAX_SIZE):
        return None
    return Drawing(svg, width, -top, height + top)


@cache
def _ziamath() -> Any:
    with warnings.catch_warnings():
        # It reads its fonts in a way that newer Pythons advise against.
        warnings.simplefilter("ignore", DeprecationWarning)
        import ziamath

    ziamath.config.svg2 = False  # type: ignore[attr-defined]  # glyphs as paths, which every SVG reader draws
    return ziamath


def _depth(source: str) -> int:
    depth = deepest = 0
    for char in source:
        depth += (char == "{") - (char == "}")
        deepest = max(deepest, depth)
    return deepest + source.count("\\left") + source.count("\\begin")


Key = tuple[str, bool, float]


class Formulas(QObject):
    """Makes and keeps drawings.

    Signals:
        ready: drawings that were asked for are there now, as a set of (source, display, size).
    """

    ready = Signal(object)

    def __init__(self, jobs: Jobs | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._kept: OrderedDict[Key, Drawing | None] = OrderedDict()
        self._wanted: dict[Key, None] = {}
        self._working = False
        # Begun once the messages that ask are built: drawing would hold up the building of the rest.
        self._begin = QTimer(self)
        self._begin.setSingleShot(True)
        self._begin.timeout.connect(self._work)

    def get(self, source: str, display: bool, size: float) -> Drawing | None:
        """The drawing if it is ready; otherwise None, and `ready` tells when it is."""
        key = (source, display, size)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        self._wanted[key] = None
        if not self._begin.isActive():
            self._begin.start(0)
        return None

    def known(self, source: str, display: bool, size: float) -> bool:
        """Whether it was tried already, with or without success."""
        return (source, display, size) in self._kept

    def _work(self) -> None:
        if self._working or not self._wanted:
            return
        self._working = True
        # Without jobs one at a time, so that no slice on the GUI thread is long.
        batch = list(self._wanted)[: 16 if self._jobs is not None else 1]
        for key in batch:
            del self._wanted[key]

        def work() -> dict[Key, Drawing | None]:
            return {key: draw(*key) for key in batch}

        if self._jobs is None:
            QTimer.singleShot(0, self, lambda: self._done(work()))
        else:
            self._jobs.run(work, self._done, lambda error: self._done(dict.fromkeys(batch)))

    def _done(self, drawn: dict[Key, Drawing | None]) -> None:
        self._working = False
        self._kept.update(drawn)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self.ready.emit(set(drawn))
        self._work()
