"""What a model would take of a memory, drawn as one bar: its parts, what is free, what is missing."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop.ui.theme import Theme
from desktop.ui.widgets.facts import size_text

HEIGHT, BAR = 44, 12
SHADES = (1.0, 0.72, 0.5, 0.34, 0.22)
"""How strongly the accent is drawn for the first part, the second, and so on."""

Part = tuple[str, int]


class MemoryBar(QWidget):
    """Parts of one memory; beyond what is available they are drawn in the colour of trouble."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._name = ""
        self._parts: list[Part] = []
        self._available = 0
        self._free = True
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_parts(self, name: str, parts: Sequence[Part], available: int, *, free: bool = True) -> None:
        """Show what each part takes, in bytes, of what is available in the memory called `name`.

        `free`: what is available is what is free now, else it is all there is.
        """
        self._name, self._available, self._free = name, available, free
        self._parts = [part for part in parts if part[1] > 0]
        self.setAccessibleName(f"{name}: {self.summary()}")
        listed = [f"{word}: {size_text(size)}" for word, size in self._parts]
        self.setAccessibleDescription(", ".join(listed))
        self.setToolTip("\n".join(listed))
        self.update()

    def summary(self) -> str:
        """The sum in words, such as "1.4 GB of 6.2 GB"."""
        total = sum(size for _, size in self._parts)
        text = QCoreApplication.translate("MemoryBar", "{needed} of {available}")
        if self._free:
            text = QCoreApplication.translate("MemoryBar", "{needed} of {available} free")
        zero = QCoreApplication.translate("MemoryBar", "nothing")
        return text.format(needed=size_text(total) or zero, available=size_text(self._available) or zero)

    def sizeHint(self) -> QSize:
        return QSize(240, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_words(painter)
            self._paint_bar(painter, QRectF(0, HEIGHT - BAR - 6, self.width(), BAR))

    def _paint_words(self, painter: QPainter) -> None:
        tokens = self._theme.tokens
        painter.setFont(self._theme.font("fact"))
        line = self.rect().adjusted(0, 2, 0, -(BAR + 8))
        painter.setPen(QColor(tokens.muted))
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self._name)
        over = sum(size for _, size in self._parts) > self._available
        painter.setPen(QColor(tokens.bad if over else tokens.muted))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self.summary())

    def _paint_bar(self, painter: QPainter, bar: QRectF) -> None:
        tokens = self._theme.tokens
        total = sum(size for _, size in self._parts)
        scale = bar.width() / max(1, total, self._available)
        shape = QPainterPath()
        shape.addRoundedRect(bar, 4, 4)
        painter.setClipPath(shape)
        painter.fillRect(bar, QColor(tokens.border))
        left = bar.left()
        for place, (_, size) in enumerate(self._parts):
            color = QColor(tokens.accent)
            color.setAlphaF(SHADES[min(place, len(SHADES) - 1)])
            painter.fillRect(QRectF(left, bar.top(), size * scale, bar.height()), color)
            left += size * scale
        if total > self._available:
            edge = bar.left() + self._available * scale
            painter.fillRect(QRectF(edge, bar.top(), bar.right() - edge, bar.height()), QColor(tokens.bad))
