"""The history: conversations, messages, drafts and settings in one SQLite file; the only place with SQL."""

from __future__ import annotations

from desktop.workbench.store.records import ConversationRow, MessageRow, ModelRow, TrashRow
from desktop.workbench.store.store import Store
from desktop.workbench.store.titles import title_from

__all__ = ["ConversationRow", "MessageRow", "ModelRow", "Store", "TrashRow", "title_from"]
