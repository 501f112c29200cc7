"""A model on its way into memory, and what may be done when memory is short."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from desktop.workbench.collection import Collection
from models.engine.client import Engine
from models.engine.pool import EnginePool
from models.engine.protocol import LoadOptions
from models.errors import RolltopError, UserError
from models.library import Model

if TYPE_CHECKING:
    from models.fit import Retry


@dataclass(frozen=True)
class ModelLoading:
    """Part of the model that is loaded, 0 to 1."""

    fraction: float


class OutOfMemory(UserError):
    """Memory ran out for a model. `ways`: what else may be tried, the lightest change first."""

    code = "no_memory"

    def __init__(self, error: RolltopError, ways: Sequence[Retry]) -> None:
        self.ways = tuple(ways)
        params: dict[str, Any] = error.params
        super().__init__(error.template, hint=error.hint, **params)


class Loader:
    """Loads a model as it is asked for, and explains when memory does not suffice."""

    def __init__(self, collection: Collection, engines: EnginePool) -> None:
        self._collection, self._engines = collection, engines

    def load(
        self, model: Model, options: LoadOptions, cancelled: Callable[[], bool]
    ) -> Generator[ModelLoading, None, Engine | None]:
        """Load the model and tell the progress; None when it was cancelled."""
        try:
            engine = yield from self._loading(options, cancelled)
        except RolltopError as error:
            if error.code not in ("no_memory", "killed"):  # the system kills what takes too much
                raise
            raise self.out_of_memory(error, model, options) from error
        if engine is not None:
            self._collection.learn(model, engine)
        return engine

    def out_of_memory(self, error: RolltopError, model: Model, options: LoadOptions) -> OutOfMemory:
        """The error with what else may be tried."""
        device = str(error.params.get("device", ""))
        ways: list[Retry] = []
        with suppress(UserError):  # a file that cannot be planned for
            ways = self._collection.lighter(model, options, device)
        return OutOfMemory(error, ways)

    def _loading(
        self, options: LoadOptions, cancelled: Callable[[], bool]
    ) -> Generator[ModelLoading, None, Engine | None]:
        loading = self._engines.loading(options)
        told = -1.0
        try:
            while not cancelled():
                fraction = next(loading)
                if fraction > told:
                    told = fraction
                    yield ModelLoading(fraction)
        except StopIteration as end:
            return cast(Engine, end.value)
        finally:
            loading.close()
        return None
