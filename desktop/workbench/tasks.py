"""Tasks: a text goes in, a run is kept, and its result can be opened, taken up again and sent on."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import msgspec

from desktop.workbench.chat import Chats, estimate_tokens
from desktop.workbench.collection import Collection
from desktop.workbench.loading import Loader
from desktop.workbench.reading.document import Document
from desktop.workbench.store import Store
from desktop.workbench.store.records import OwnPrompt, PartRow, RunRow
from desktop.workbench.task import Recipe, TaskRun
from models.engine.pool import EnginePool
from models.errors import UserError
from models.library import Library, Model

if TYPE_CHECKING:
    from desktop.workbench.rewrite import RewriteOptions
    from desktop.workbench.summarize import SummaryOptions

MERGING = {"summarize": 0.15, "rewrite": 0.0}
"""Work of joining parts, as a share of the work on the parts, about."""
ABOUT_SHARE = 0.6
"""Share of the context that a text may take in a conversation about it."""


class _About(msgspec.Struct):
    whole: str
    parts: str


class Tasks:
    """What can be done with texts. Every method may be called from any thread.

    Attributes:
        store, library, engines, collection, loader: what it works with.
    """

    def __init__(
        self, chats: Chats, store: Store, library: Library, engines: EnginePool, collection: Collection
    ) -> None:
        self.store, self.library = store, library
        self.engines, self.collection = engines, collection
        self.loader = Loader(collection, engines)
        self._chats = chats
        self._lock = threading.Lock()
        self._working: WeakValueDictionary[str, TaskRun] = WeakValueDictionary()

    # ------------------------------------------------------------ what goes in

    def read(self, path: Path) -> Document:
        """Read a file in a child process; raises UserError."""
        from desktop.workbench.reading.reader import read

        return read(path)

    def conversation_document(self, id: str) -> Document:
        """A conversation as a text."""
        from desktop.workbench.reading.reader import from_messages

        return from_messages(self.store.path(id), self.store.conversation(id).title)

    def summarize(self, documents: Sequence[Document], options: SummaryOptions, model: str = "") -> RunRow:
        """Keep what is to be summarized as a run; `work` does it. `model`: empty for the default one."""
        return self._new("summarize", documents, options.to_dict(), model)

    def rewrite(self, document: Document, options: RewriteOptions, model: str = "") -> RunRow:
        """Keep what is to be rewritten as a run; `work` does it. `model`: empty for the default one."""
        return self._new("rewrite", [document], options.to_dict(), model)

    def _new(self, task: str, documents: Sequence[Document], options: dict[str, Any], model: str) -> RunRow:
        if not any(document.text.strip() for document in documents):
            raise UserError(
                "There is no text yet.", hint="Paste a text or open a file first.", code="empty_text"
            )
        chosen = self._model(model)
        title = documents[0].title or documents[0].name or _beginning(documents[0].text)
        return self.store.runs.create(
            task,
            title=title,
            model=self._chats.reference(chosen),
            options=options,
            documents=documents,
        )

    def _model(self, key: str) -> Model:
        """The model with this id or path; the default one for none. Raises UserError when it is gone."""
        key = key or str(self._chats.settings.get("default_model"))
        return self.library.get(key) if key else self.library.starter()

    # ------------------------------------------------------------ runs

    def work(self, id: str) -> TaskRun:
        """The work on a run, from its beginning or from where it ended."""
        return TaskRun(self, id)

    def runs(self, task: str, search: str = "") -> list[RunRow]:
        """The runs of a task, the newest first."""
        return self.store.runs.list(task, search=search)

    def run(self, id: str) -> RunRow:
        """One run."""
        return self.store.runs.get(id)

    def parts(self, id: str) -> list[PartRow]:
        """The parts of a run, by number."""
        return self.store.runs.parts(id)

    def documents(self, id: str) -> list[Document]:
        """The documents of a run."""
        return self.store.runs.documents(id)

    def rename(self, id: str, title: str) -> RunRow:
        """Give a run another title."""
        return self.store.runs.update(id, title=title)

    def delete(self, id: str) -> None:
        """Move a run to the trash; one that is worked on is stopped."""
        with self._lock:
            work = self._working.get(id)
        if work is not None:
            work.cancel()
        self.store.runs.delete(id)

    def restore(self, id: str) -> None:
        """Take a run out of the trash."""
        self.store.runs.restore(id)

    def own_prompts(self, task: str) -> list[OwnPrompt]:
        """The person's own instructions for a task."""
        return self.store.runs.own_prompts(task)

    def save_own_prompt(self, task: str, name: str, instruction: str, id: str = "") -> OwnPrompt:
        """Keep an instruction of the person's own, or change the one with this id."""
        return self.store.runs.save_own_prompt(task, name, instruction, id)

    def delete_own_prompt(self, id: str) -> None:
        """Forget an instruction of the person's own."""
        self.store.runs.delete_own_prompt(id)

    # ------------------------------------------------------------ for a run that works

    def begin(self, work: TaskRun) -> RunRow:
        """A run is being worked on; raises UserError when it is already."""
        with self._lock:
            if work.id in self._working:
                raise UserError("This is being worked on already.", code="busy")
            self._working[work.id] = work
        try:
            return self.store.runs.update(work.id, status="running", error="")
        except BaseException:
            self.end(work)
            raise

    def end(self, work: TaskRun) -> None:
        """It is no longer worked on."""
        with self._lock:
            if self._working.get(work.id) is work:
                del self._working[work.id]

    def recipe(self, run: RunRow) -> Recipe:
        """How a run is done."""
        if run.task == "summarize":
            from desktop.workbench.summarize import Summarizer, SummaryOptions

            return Summarizer(SummaryOptions.from_dict(run.options))
        from desktop.workbench.rewrite import RewriteOptions, Rewriter

        return Rewriter(RewriteOptions.from_dict(run.options))

    @staticmethod
    def merging(run: RunRow) -> float:
        """Work of joining its parts that is still to come, as a share of that on the parts."""
        return MERGING[run.task]

    # ------------------------------------------------------------ what comes out

    def save_result(self, id: str, text: str) -> RunRow:
        """Keep the result as the person changed it."""
        return self.store.runs.update(id, result=text)

    def export_markdown(self, id: str) -> str:
        """A run as a Markdown document: its title, its result, and what it was made of."""
        run = self.run(id)
        sources = ", ".join(
            " ".join(document.name.split()) for document in self.documents(id) if document.name
        )
        head = f"# {' '.join(run.title.split())}" if run.title.strip() else ""
        return (
            "\n\n".join(block for block in (head, run.result.strip(), sources and f"*{sources}*") if block)
            + "\n"
        )

    def chat_about(self, id: str) -> str:
        """Open a conversation with the text of a run as its context; returns the conversation's id.

        A text that is too long for the context is given as the summaries of its parts, or else as its
        result.
        """
        from desktop.workbench.prompts import fill, load

        run, documents = self.run(id), self.documents(id)
        about = load("about", _About)
        whole = "\n\n".join(document.text for document in documents)
        most = ABOUT_SHARE * self._context_of(run)
        names = ", ".join(document.name for document in documents if document.name)
        if self._tokens(run, whole) <= most:
            text = fill(about.whole, name=names, text=whole)
        else:
            parts = [part.text for part in self.parts(id) if part.level == 0 and part.status == "done"]
            summaries = "\n\n".join(parts) if run.task == "summarize" else ""
            if not summaries or self._tokens(run, summaries) > most:
                summaries = run.result
            text = fill(about.parts, name=names, text=summaries)
        row = self._chats.new(system=text.strip(), model=run.model)
        self.store.update_conversation(row.id, title=run.title)
        return row.id

    def _context_of(self, run: RunRow) -> int:
        engine = self.engines.get(str(self.library.get(run.model).path))
        if engine is not None:
            return engine.info.context_size
        return self.collection.load_options(self.library.get(run.model), {}, fresh=False).context_size

    def _tokens(self, run: RunRow, text: str) -> int:
        engine = self.engines.get(str(self.library.get(run.model).path))
        return engine.count(text) if engine is not None else estimate_tokens(text)


def _beginning(text: str) -> str:
    """How a text begins, as a title."""
    from desktop.workbench.store import title_from

    return title_from(text)
