"""The rail at the left: one button a panel, icon over word, and the menu."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QButtonGroup, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from desktop.ui.actions import tooltip
from desktop.ui.theme import Theme

WIDTH = 92


class Rail(QWidget):
    """Shows the panels that exist; Up and Down walk through them.

    Signals:
        chosen(str): the id of a panel.
    """

    chosen = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._buttons: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self)
        self.setProperty("role", "rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 12, 8, 8)
        column.setSpacing(4)
        self._top = QVBoxLayout()
        self._bottom = QVBoxLayout()
        for part in (self._top, self._bottom):
            part.setSpacing(4)
        column.addLayout(self._top)
        column.addStretch(1)
        column.addLayout(self._bottom)

    def add_panel(self, id: str, word: str, icon: str, action: QAction, *, bottom: bool = False) -> None:
        """Add a panel's button; `action` does the same from the keyboard."""
        button = self._button(word, icon)
        button.setCheckable(True)
        button.setToolTip(tooltip(action))
        button.clicked.connect(lambda: self.chosen.emit(id))
        self._group.addButton(button)
        self._buttons[id] = button
        (self._bottom if bottom else self._top).addWidget(button)

    def add_command(self, word: str, icon: str, action: QAction) -> QToolButton:
        """Add a button at the bottom that does something else than show a panel."""
        button = self._button(word, icon)
        button.setToolTip(tooltip(action))
        button.clicked.connect(action.trigger)
        self._bottom.addWidget(button)
        return button

    def move_last(self, button: QToolButton) -> None:
        """Put a button of the bottom below the others."""
        self._bottom.removeWidget(button)
        self._bottom.addWidget(button)

    def set_current(self, id: str) -> None:
        """Mark the panel that is shown."""
        self._buttons[id].setChecked(True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Down: True, Qt.Key.Key_Up: False}
        forward = steps.get(Qt.Key(event.key()))
        if forward is None:
            super().keyPressEvent(event)
        else:
            self.focusNextPrevChild(forward)

    def _button(self, word: str, icon: str) -> QToolButton:
        button = QToolButton()
        button.setProperty("role", "rail")
        button.setText(word)
        button.setAccessibleName(word)
        button.setIcon(self._theme.icon(icon, "muted", on="accent"))
        button.setIconSize(QSize(20, 20))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setFixedHeight(52)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button
