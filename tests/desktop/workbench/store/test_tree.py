"""The tree against a simple model: whatever is done, nothing visible goes out of reach."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from desktop.workbench.store import Store

CHANCE = st.integers(0, 10**6)


class TreeMachine(RuleBasedStateMachine):
    """Random sends, edits, deletions, restores and steps; the model is a parent map and two sets."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.open(Path(self.folder.name) / "rolltop.db")
        self.store._conn.execute("PRAGMA synchronous = OFF")  # thousands of writes, none worth a wait
        self.conversation = self.store.create_conversation().id
        self.parents: dict[str, str | None] = {}  # in the order in which they were made
        self.hidden_by: dict[str, str] = {}

    def teardown(self) -> None:
        for message in self.visible():
            self.walk_to(message)
        self.store.close()
        self.folder.cleanup()

    # ------------------------------------------------------------ the model

    def visible(self) -> list[str]:
        return [id for id in self.parents if id not in self.hidden_by]

    def children(self, parent: str | None) -> list[str]:
        return [id for id in self.visible() if self.parents[id] == parent]

    def way(self, message: str) -> list[str]:
        above = self.parents[message]
        return [*(self.way(above) if above else []), message]

    def path(self) -> list[str]:
        return [row.id for row in self.store.path(self.conversation)]

    def pick(self, chance: int) -> str:
        return self.visible()[chance % len(self.visible())]

    def add(self, parent: str | None, role: str) -> None:
        row = self.store.add_message(self.conversation, parent, role, "text")
        self.parents[row.id] = parent
        assert self.path()[-1] == row.id

    def walk_to(self, target: str) -> None:
        """Reach a message as a user does: by stepping between siblings on what is shown."""
        for depth, wanted in enumerate(self.way(target)):
            family = self.children(self.parents[wanted])
            here = self.path()[depth]
            self.store.select_sibling(here, family.index(wanted) - family.index(here))
            assert self.path()[: depth + 1] == self.way(wanted)
        assert target in self.path()

    # ------------------------------------------------------------ what a user does

    @rule()
    def send(self) -> None:
        path = self.path()
        self.add(path[-1] if path else None, "user" if len(path) % 2 == 0 else "assistant")

    @precondition(lambda self: self.visible())
    @rule(chance=CHANCE)
    def edit_or_regenerate(self, chance: int) -> None:
        self.add(self.parents[self.pick(chance)], "user")

    @precondition(lambda self: self.visible())
    @rule(chance=CHANCE)
    def delete(self, chance: int) -> None:
        target = self.pick(chance)
        for id in self.visible():
            if target in self.way(id):
                self.hidden_by[id] = target
        leaf = self.store.delete_message(target)
        assert leaf == (self.path() or [""])[-1]

    @precondition(lambda self: self.visible())
    @rule(chance=CHANCE)
    def delete_and_undo(self, chance: int) -> None:
        before = self.path()
        target = self.pick(chance)
        self.store.delete_message(target)
        assert target not in self.path()
        self.store.restore_message(target)
        assert self.path() == before

    @precondition(lambda self: self.hidden_by)
    @rule(chance=CHANCE)
    def restore(self, chance: int) -> None:
        hidden = list(self.hidden_by)
        target: str | None = hidden[chance % len(hidden)]
        self.store.restore_message(str(target))
        while target is not None and target in self.hidden_by:
            root = self.hidden_by[target]
            self.hidden_by = {id: by for id, by in self.hidden_by.items() if by != root}
            target = self.parents[root]

    @precondition(lambda self: self.visible())
    @rule(chance=CHANCE, step=st.integers(-3, 3))
    def step_and_back(self, chance: int, step: int) -> None:
        before = self.path()
        here = before[chance % len(before)]
        family = self.children(self.parents[here])
        place = min(max(family.index(here) + step, 0), len(family) - 1)
        self.store.select_sibling(here, step)
        assert family[place] in self.path()
        self.store.select_sibling(family[place], family.index(here) - place)
        assert self.path() == before  # the tail that was last current below it

    @precondition(lambda self: self.visible())
    @rule(chance=CHANCE)
    def visit(self, chance: int) -> None:
        self.walk_to(self.pick(chance))

    # ------------------------------------------------------------ what always holds

    @invariant()
    def the_path_ends_in_the_leaf(self) -> None:
        rows = self.store.path(self.conversation)
        leaf = self.store.conversation(self.conversation).leaf
        assert self.store.conversation(self.conversation).messages == len(self.visible())
        assert (leaf is None) == (not self.visible())
        if leaf is None:
            assert rows == []
            return
        assert [row.id for row in rows] == self.way(leaf)
        assert not self.children(leaf)
        assert not self.hidden_by.keys() & set(self.way(leaf))
        for row in rows:
            family = self.children(row.parent)
            assert (row.sibling, row.siblings) == (family.index(row.id), len(family))


TestTree = TreeMachine.TestCase
TestTree.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
