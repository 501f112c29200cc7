"""Remarks beside a source or a result, a line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QCoreApplication, QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from desktop.ui.theme import Theme
from desktop.ui.widgets.labels import plain_label
from desktop.workbench.problems import Problem

AT_ONCE = 3
"""Lines that are shown without asking."""


def problem_text(problem: Problem | Mapping[str, Any]) -> str:
    """A remark, translated; also as it is stored, as a plain dict."""
    if isinstance(problem, Problem):
        template, params = problem.template, problem.params
    else:
        template, params = str(problem.get("template", "")), dict(problem.get("params") or {})
    if not template:
        return ""
    try:
        return QCoreApplication.translate("Errors", template).format(**params)
    except (KeyError, IndexError, ValueError):
        # A translation with a wrong field must not hide the remark itself.
        return template


class ProblemList(QWidget):
    """Shows remarks; not there while there are none.

    Attributes:
        lines: the texts shown or to be shown.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.lines: list[str] = []
        self._all = False
        self._icon = QLabel(self)
        self._icon.setFixedWidth(16)
        self._text = plain_label("muted")
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._more = QPushButton(self)
        self._more.setProperty("role", "link")
        self._more.clicked.connect(self._show_all)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(self._text)
        column.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeft)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        theme.changed.connect(self._paint_icon)
        self._paint_icon()
        self.hide()

    def set_problems(self, problems: Sequence[Problem | Mapping[str, Any]]) -> None:
        """Show these, each text once."""
        self.set_lines([text for text in dict.fromkeys(map(problem_text, problems)) if text])

    def set_lines(self, lines: Sequence[str]) -> None:
        """Show these lines."""
        self.lines, self._all = list(lines), len(lines) <= AT_ONCE + 1
        self._show()

    def _show(self) -> None:
        shown = self.lines if self._all else self.lines[:AT_ONCE]
        self._text.setText("\n".join(shown))
        self.setAccessibleName(self._text.text())
        left = len(self.lines) - len(shown)
        self._more.setText(QCoreApplication.translate("ProblemList", "{count} more").format(count=left))
        self._more.setAccessibleName(
            QCoreApplication.translate("ProblemList", "Show {count} more remarks").format(count=left)
        )
        self._more.setVisible(left > 0)
        self.setVisible(bool(self.lines))

    def _show_all(self) -> None:
        self._all = True
        self._show()

    def _paint_icon(self) -> None:
        size = QSize(16, 16)
        self._icon.setPixmap(
            self._theme.pixmap("alert", size.width(), "muted", ratio=self.devicePixelRatioF())
        )
