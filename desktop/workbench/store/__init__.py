"""The history: conversations, runs, drafts and settings in one SQLite file; the only place with SQL."""

from __future__ import annotations

from desktop.workbench.store.records import (
    ConversationRow,
    MessageRow,
    ModelRow,
    OwnPrompt,
    PartRow,
    RunRow,
    TrashRow,
)
from desktop.workbench.store.runs import Runs
from desktop.workbench.store.store import Store
from desktop.workbench.store.titles import title_from

__all__ = [
    "ConversationRow",
    "MessageRow",
    "ModelRow",
    "OwnPrompt",
    "PartRow",
    "RunRow",
    "Runs",
    "Store",
    "TrashRow",
    "title_from",
]
