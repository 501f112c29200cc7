"""The one model picker of all panels: a button with a popup of the library's models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractListModel,
    QCoreApplication,
    QEvent,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListView,
    QProgressBar,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Jobs
from desktop.ui.notices import error_text
from desktop.ui.theme import Theme
from desktop.ui.widgets.facts import size_text
from desktop.ui.widgets.labels import set_role
from desktop.ui.widgets.plan_view import verdict_text

if TYPE_CHECKING:
    from desktop.workbench.workbench import Workbench
    from models.fit import Plan
    from models.library import Model

Index = QModelIndex | QPersistentModelIndex

MODEL = Qt.ItemDataRole.UserRole
LOADED = Qt.ItemDataRole.UserRole + 1
WIDTH = 400
MOST_ROWS = 7


def model_label(model: Model) -> str:
    """A model's name with its quantization, for the picker's button."""
    return f"{model.name} · {model.quantization}" if model.quantization else model.name


def model_facts(model: Model, loaded: bool) -> str:
    """One line about a model: quantization, size, context, and whether it is loaded."""
    locale = QLocale()
    facts = [model.quantization, size_text(model.size_bytes)]
    if model.context_length:
        text = QCoreApplication.translate("ModelPicker", "{tokens} tokens of context")
        facts.append(text.format(tokens=locale.toString(model.context_length)))
    if not model.chat_template:
        facts.append(QCoreApplication.translate("ModelPicker", "no chat format"))
    if loaded:
        facts.append(QCoreApplication.translate("ModelPicker", "loaded"))
    return " · ".join(fact for fact in facts if fact)


class ModelItems(QAbstractListModel):
    """The library's models as rows; the engines that are loaded are marked."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.models: list[Model] = []
        self._loaded: set[str] = set()

    def fill(self, models: Sequence[Model], loaded: set[str]) -> None:
        """Show these models; `loaded` are the paths of those that run."""
        self.beginResetModel()
        self.models, self._loaded = list(models), loaded
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own default)
        return 0 if parent.isValid() else len(self.models)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        model = self.models[index.row()]
        loaded = str(model.path) in self._loaded
        if role == Qt.ItemDataRole.DisplayRole:
            return model.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{model.name}, {model_facts(model, loaded)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return str(model.path)
        return {MODEL: model, LOADED: loaded}.get(Qt.ItemDataRole(role)) if role >= MODEL else None


class ModelRowDelegate(QStyledItemDelegate):
    """Draws a model in two lines: its name, and its facts in faint text."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.current = ""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(WIDTH - 40, 48)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tokens, model = self._theme.tokens, index.data(MODEL)
        box: QRect = option.rect.adjusted(0, 1, 0, -1)
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if state & QStyle.StateFlag.State_Selected:
            painter.setBrush(QColor(tokens.tint))
            painter.drawRoundedRect(box, 8, 8)
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(QColor(tokens.raised))
            painter.drawRoundedRect(box, 8, 8)
        words = box.adjusted(12, 5, -40, -5)
        self._line(painter, words, "control", tokens.text, model.name, top=True)
        facts = model_facts(model, bool(index.data(LOADED)))
        color = tokens.good if index.data(LOADED) else tokens.faint
        self._line(painter, words, "fact", color, facts, top=False)
        if model.id == self.current or str(model.path) == self.current:
            mark = QRect(box.right() - 30, box.center().y() - 8, 16, 16)
            self._theme.icon("check", "accent").paint(painter, mark)
        painter.restore()

    def _line(self, painter: QPainter, box: QRect, font: Any, color: str, text: str, *, top: bool) -> None:
        painter.setFont(self._theme.font(font))
        painter.setPen(QColor(color))
        fitted = QFontMetrics(painter.font()).elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        side = Qt.AlignmentFlag.AlignTop if top else Qt.AlignmentFlag.AlignBottom
        painter.drawText(box, int(side | Qt.AlignmentFlag.AlignLeft), fitted)


class ModelPicker(QPushButton):
    """Shows the chosen model and lets the user choose another, open a file, or unload.

    It reads the library and the engines; choosing changes nothing by itself: the panel hears
    `chosen`, gives the model to its conversation and loads it, and tells the picker how far.

    Signals:
        chosen(str): a model's id in the library, or the path of a file that was opened.
        load_requested(str): the model chosen before is to be loaded; "" is the default one.
        cancel_requested: the user does not want to wait for the model that is loading.
        find_requested: the user wants other models than there are.
    """

    chosen = Signal(str)
    load_requested = Signal(str)
    cancel_requested = Signal()
    find_requested = Signal()

    def __init__(
        self, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._workbench, self._jobs, self._bridge = workbench, jobs, bridge
        self._key = ""
        self._model: Model | None = None
        self._resolving = True
        self._loading: float | None = None
        # Files that were opened from outside the library: model id -> path as it was given.
        self._opened: dict[str, str] = {}
        self._files: list[Model] = []
        self.popup = PickerPopup(theme, self)
        self.setIcon(theme.icon("box", "muted"))
        self.setIconSize(QSize(16, 16))
        self.clicked.connect(self.open)
        self.popup.picked.connect(self._picked)
        self.popup.open_file.clicked.connect(self._ask_for_file)
        self.popup.cancel.clicked.connect(self.cancel_requested)
        self.popup.unload.clicked.connect(self._unload)
        self.popup.turned_to.connect(self._plan)
        self.popup.find_models.clicked.connect(self.popup.close)
        self.popup.find_models.clicked.connect(self.find_requested)
        self.popup.list.installEventFilter(self)
        bridge.engines_changed.connect(self._engines_changed)
        self._label()

    # ------------------------------------------------------------ for the panel

    @property
    def key(self) -> str:
        """The chosen model: an id, a path, or "" for the default."""
        return self._key

    @property
    def model(self) -> Model | None:
        """The chosen model once the library has told it, else None."""
        return self._model

    def set_model(self, key: str) -> None:
        """Show the model with this id or path; "" is the default one."""
        self._key, self._resolving = key, True
        self._jobs.run(
            lambda: self._resolve(key),
            lambda model: self._resolved(key, model),
            lambda error: self._lost(key, error),
        )

    def set_loading(self, fraction: float | None) -> None:
        """How much of the chosen model is loaded, 0 to 1; None when it is not loading."""
        self._loading = fraction
        self.popup.set_progress(fraction)
        self._label()

    def show_error(self, error: Exception) -> None:
        """Say in the popup why a model cannot be used, and open it so that another can be chosen."""
        self.open()
        self.popup.set_error(*error_text(error))

    def open(self) -> None:
        """Open the popup under the button; what it shows is read again."""
        self.popup.set_error("", "")
        self.refresh()
        self.popup.open_below(self)

    def load(self) -> None:
        """Ask the panel to load the chosen model; that is no new choice."""
        self.load_requested.emit(self._key)

    def choose(self, key: str) -> None:
        """Choose a model of the library by its id."""
        library = self._workbench.library
        self._jobs.run(lambda: library.get(key), lambda model: self._take(key, model), self.show_error)

    def refresh(self) -> None:
        """Read the library and the engines again."""
        self._jobs.run(
            lambda: (self._workbench.library.scan(), self._loaded_paths()),
            lambda found: self._fill(*found),
            lambda error: self.popup.set_error(*error_text(error)),
        )

    # ------------------------------------------------------------ inside

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.popup.pick_current()
                return True
            if event.key() == Qt.Key.Key_Delete and self.popup.unload.isEnabled():
                self._unload()
                return True
        return super().eventFilter(watched, event)

    def _resolve(self, key: str) -> Model:
        library = self._workbench.library
        key = key or str(self._workbench.settings.get("default_model") or "")
        return library.get(key) if key else library.starter()

    def _resolved(self, key: str, model: Model) -> None:
        if key == self._key:
            self._model, self._resolving = model, False
            if key == str(model.path):
                self._remember(key, model)
            self.popup.set_current(model.id)
            self._label()

    def _remember(self, path: str, model: Model) -> None:
        self._opened[model.id] = path
        self._files = [model, *(other for other in self._files if other.id != model.id)]

    def _lost(self, key: str, error: Exception) -> None:
        if key == self._key:
            self._model, self._resolving = None, False
            self._label(Path(key).name)
            self.popup.set_error(*error_text(error))

    def _loaded_paths(self) -> set[str]:
        return {loaded.path for loaded in self._workbench.engines.loaded()}

    def _fill(self, models: list[Model], loaded: set[str]) -> None:
        known = {model.path for model in models}
        self.popup.fill([*models, *(model for model in self._files if model.path not in known)], loaded)

    def _engines_changed(self) -> None:
        if self.popup.isVisible():
            self.refresh()

    def _picked(self, model: Model) -> None:
        self.popup.hide()
        # A model of the library is known by its id; a file opened from elsewhere by its path.
        self._take(self._opened.get(model.id, model.id), model)

    def _take(self, key: str, model: Model) -> None:
        self._key, self._model, self._resolving = key, model, False
        self.popup.set_current(model.id)
        self._label()
        self.chosen.emit(key)

    def _ask_for_file(self) -> None:
        self.popup.hide()
        path, _ = QFileDialog.getOpenFileName(
            self.window(),
            QCoreApplication.translate("ModelPicker", "Open a GGUF file"),
            "",
            QCoreApplication.translate("ModelPicker", "GGUF models (*.gguf);;All files (*)"),
        )
        if path:
            self.open_path(path)

    def open_path(self, path: str) -> None:
        """Take a model file from anywhere; says why when it cannot be used."""
        self._jobs.run(
            lambda: self._workbench.library.get(path), lambda m: self._open(path, m), self.show_error
        )

    def _open(self, path: str, model: Model) -> None:
        self._remember(path, model)
        self._take(path, model)

    def _unload(self) -> None:
        model = self.popup.selected()
        if model is not None:
            path = str(model.path)
            self._jobs.run(
                lambda: self._workbench.engines.unload(path),
                lambda _: self._bridge.engines_changed.emit(),
                lambda error: self.popup.set_error(*error_text(error)),
            )

    def _plan(self, model: Model) -> None:
        """Have the memory worked out that the model of the selected row would take."""
        collection = self._workbench.collection
        # A file that cannot be planned for says why when it is chosen.
        self._jobs.run(
            lambda: collection.plan(model), partial(self.popup.show_plan, model.id), lambda _error: None
        )

    def _label(self, fallback: str = "") -> None:
        name = model_label(self._model) if self._model is not None else fallback
        if not name and self._resolving:
            # Nothing is known of it for a moment, least of all that there is none.
            self.setText("")
            self.setAccessibleName(QCoreApplication.translate("ModelPicker", "Model"))
            self.setToolTip("")
            return
        name = name or QCoreApplication.translate("ModelPicker", "Choose a model")
        if self._loading is not None:
            text = QCoreApplication.translate("ModelPicker", "{model} · loading {percent}%")
            name = text.format(model=name, percent=round(100 * self._loading))
        self.setText(f" {name}")  # a little room beside the icon
        text = QCoreApplication.translate("ModelPicker", "Model: {model}").format(model=name)
        self.setAccessibleName(text)
        self.setToolTip(text)


class PickerPopup(QFrame):
    """What opens under the picker: the models, an error, progress, and what else can be done.

    Signals:
        picked(object): the `Model` of the row that was chosen.
        turned_to(object): the `Model` of the row that is selected now.
    """

    picked = Signal(object)
    turned_to = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setProperty("role", "popup-window")
        self.items = ModelItems(self)
        self.list = QListView()
        self.list.setProperty("role", "plain")
        self.list.setModel(self.items)
        self.list.setMouseTracking(True)
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName(QCoreApplication.translate("ModelPicker", "Models"))
        self._delegate = ModelRowDelegate(theme, self.list)
        self.list.setItemDelegate(self._delegate)
        self.list.clicked.connect(lambda _: self.pick_current())
        self.list.selectionModel().currentChanged.connect(self._row_changed)
        self.empty = QLabel(
            QCoreApplication.translate("ModelPicker", "No models yet. Open a GGUF file to begin.")
        )
        self.empty.setProperty("role", "muted")
        self.plan = QLabel()
        self.plan.setProperty("role", "fact")
        self.plan.setTextFormat(Qt.TextFormat.PlainText)
        self.plan.setWordWrap(True)
        self.plan.hide()
        self.error = QLabel()
        self.error.setProperty("role", "error")
        self.error.setTextFormat(Qt.TextFormat.PlainText)
        self.error.setWordWrap(True)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setRange(0, 1000)
        self.progress.setAccessibleName(QCoreApplication.translate("ModelPicker", "Loading"))
        self.cancel = QPushButton(QCoreApplication.translate("ModelPicker", "Cancel loading"))
        self.open_file = QPushButton(" " + QCoreApplication.translate("ModelPicker", "Open a GGUF file…"))
        self.open_file.setIcon(theme.icon("folder", "muted"))
        self.unload = QPushButton(QCoreApplication.translate("ModelPicker", "Unload"))
        self.unload.setToolTip(
            QCoreApplication.translate("ModelPicker", "Free the memory of the selected model")
        )
        self.find_models = QPushButton(QCoreApplication.translate("ModelPicker", "Find models"))
        for button in (self.cancel, self.open_file, self.find_models, self.unload):
            button.setAccessibleName(button.text().strip())
        self._lay_out()
        self.set_progress(None)
        self.set_error("", "")
        self.fill([], set())

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        waiting = QHBoxLayout()
        waiting.setSpacing(12)
        waiting.addWidget(self.progress, 1)
        waiting.addWidget(self.cancel)
        buttons = QHBoxLayout()
        buttons.addWidget(self.open_file)
        buttons.addWidget(self.find_models)
        buttons.addStretch(1)
        buttons.addWidget(self.unload)
        column.addWidget(self.error)
        column.addWidget(self.empty)
        column.addWidget(self.list)
        column.addWidget(self.plan)
        column.addLayout(waiting)
        column.addLayout(buttons)
        self.setFixedWidth(WIDTH)

    def open_below(self, button: QWidget) -> None:
        """Show under `button`, inside the screen, with the chosen row in focus."""
        corner = button.mapToGlobal(QPoint(button.width() - self.width(), button.height() + 4))
        screen = button.screen().availableGeometry()
        self._fit()
        corner.setX(max(screen.left() + 8, min(corner.x(), screen.right() - self.width() - 8)))
        corner.setY(max(screen.top() + 8, min(corner.y(), screen.bottom() - self.height() - 8)))
        self.move(corner)
        self.show()
        self.list.setFocus(Qt.FocusReason.PopupFocusReason)

    def fill(self, models: Sequence[Model], loaded: set[str]) -> None:
        """Show these models, keeping the row that is selected."""
        chosen = self.selected()
        self.items.fill(models, loaded)
        was_hidden = self.list.isHidden()
        self.list.setVisible(bool(models))
        if was_hidden and models and self.isVisible():
            self.list.setFocus(Qt.FocusReason.PopupFocusReason)  # a hidden list could not take it
        self.empty.setVisible(not models)
        self._select(chosen.id if chosen is not None else self._delegate.current)
        self._fit()

    def set_current(self, id: str) -> None:
        """Mark the model in use."""
        self._delegate.current = id
        self._select(id)
        self.list.viewport().update()

    def set_progress(self, fraction: float | None) -> None:
        """Show how far loading is; None hides it."""
        self.progress.setVisible(fraction is not None)
        self.cancel.setVisible(fraction is not None)
        self.progress.setValue(round(1000 * (fraction or 0.0)))
        self._fit()

    def set_error(self, sentence: str, hint: str) -> None:
        """Say what is wrong; "" hides it."""
        self.error.setText(f"{sentence} {hint}".strip())
        self.error.setVisible(bool(sentence))
        self._fit()

    def show_plan(self, id: str, plan: Plan) -> None:
        """Say what the selected model would take; a plan of another one comes too late."""
        model = self.selected()
        if model is None or model.id != id:
            return
        text = QCoreApplication.translate("ModelPicker", "{verdict} · {needed} of {available} free")
        needs = [plan.host, *plan.gpus]
        self.plan.setText(
            text.format(
                verdict=verdict_text(plan),
                needed=size_text(plan.needed),
                available=size_text(sum(need.available for need in needs)),
            )
        )
        set_role(self.plan, "error" if plan.verdict == "too_big" else "fact")
        self.plan.show()
        self._fit()

    def selected(self) -> Model | None:
        """The model of the selected row."""
        index = self.list.currentIndex()
        return index.data(MODEL) if index.isValid() else None

    def pick_current(self) -> None:
        """Choose the selected row."""
        model = self.selected()
        if model is not None:
            self.picked.emit(model)

    def _select(self, id: str) -> None:
        rows = [row for row, model in enumerate(self.items.models) if model.id == id] or [0]
        if self.items.models:
            self.list.setCurrentIndex(self.items.index(rows[0]))
        self._row_changed()

    def _row_changed(self, *_: object) -> None:
        index = self.list.currentIndex()
        self.unload.setEnabled(index.isValid() and bool(index.data(LOADED)))
        if index.isValid() and self.isVisible():
            self.turned_to.emit(index.data(MODEL))

    def _fit(self) -> None:
        rows = max(1, min(MOST_ROWS, len(self.items.models)))
        self.list.setFixedHeight(rows * 48 + 6)
        self.adjustSize()
