"""Making a smaller file of a model: another quantization, made here by llama.cpp's own function."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QComboBox, QLabel, QWidget

from desktop.ui.jobs import Jobs
from desktop.ui.panels.models.work_dialog import WorkDialog
from desktop.ui.theme import Theme
from desktop.ui.widgets.facts import size_text

if TYPE_CHECKING:
    from desktop.workbench.workbench import Workbench
    from models.library import Model

USUAL = "Q4_K_M"


class QuantizeDialog(WorkDialog):
    """Asks for the type, then makes the file and checks that it loads.

    Signals:
        made(Model): the new model is in the library.
    """

    made = Signal(object)

    def __init__(
        self, workbench: Workbench, jobs: Jobs, theme: Theme, model: Model, parent: QWidget | None = None
    ) -> None:
        title = QCoreApplication.translate("Models", "Make {model} smaller").format(model=model.name)
        super().__init__(title, QCoreApplication.translate("Models", "Write the file"), jobs, theme, parent)
        self._collection, self._model = workbench.collection, model
        words = QLabel(
            QCoreApplication.translate(
                "Models",
                "Fewer bits for each number take less memory and less time, and cost some quality. "
                "The original stays.",
            )
        )
        words.setWordWrap(True)
        self.form.addWidget(words)
        self.type = QComboBox()
        self.type.setAccessibleName(QCoreApplication.translate("Models", "Quantization"))
        about = QCoreApplication.translate("Models", "{type} · about {size}")
        for name, bits in self._collection.quantizations():
            size = size_text(round(model.parameters * bits / 8))
            self.type.addItem(about.format(type=name, size=size), name)
        self.type.setCurrentIndex(max(0, self.type.findData(USUAL)))
        self.form.addWidget(self.type)

    def _make(self) -> Generator[float, None, Any]:
        return self._collection.quantizing(self._model, self.type.currentData())

    def _done(self, result: Any) -> None:
        self.made.emit(result)
