"""The storage against a model of it that is a few dictionaries."""

import errno
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from smbquic.storage import Action, Disposition, PathNotFound
from smbquic.storage.local import LocalStorage
from smbquic.storage.local.file import LocalFile
from smbquic.storage.names import fold

COMPONENTS = st.sampled_from(["a", "A", "b", "B", "é", "É", "x\uf022", "X\uf022"])
NAMES = st.lists(COMPONENTS, min_size=1, max_size=3).map("\\".join)
DISPOSITIONS = st.sampled_from(Disposition)


@dataclass(eq=False)
class StorageNode:
    """A file or folder of the model; entries are kept by their folded names."""

    name: str
    entries: dict[str, "StorageNode"] | None = None
    content: bytes = b""
    parent: "StorageNode | None" = None
    opens: list[LocalFile] = field(default_factory=list)

    def path(self) -> str:
        """The whole name, in real case."""
        if self.parent is None:
            return ""
        above = self.parent.path()
        return f"{above}\\{self.name}" if above else self.name

    def within(self, other: "StorageNode") -> bool:
        """Whether it is `other` or lies below it."""
        return self is other or (self.parent is not None and self.parent.within(other))


class StorageMachine(RuleBasedStateMachine):
    """Does the same to a storage and to its model, and compares."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.storage = LocalStorage(self.path)
        self.root = StorageNode("", {})
        self.open: list[tuple[LocalFile, StorageNode]] = []

    def teardown(self) -> None:
        """Close everything."""
        for file, _ in self.open:
            file.close()
        self.storage.close()
        shutil.rmtree(self.path)

    def parent_of(self, name: str) -> StorageNode | None:
        """The folder that should hold `name`, if there is one."""
        here: StorageNode | None = self.root
        for component in name.split("\\")[:-1]:
            here = None if here is None or not here.entries else here.entries.get(fold(component))
        return here if here is not None and here.entries is not None else None

    @rule(name=NAMES, disposition=DISPOSITIONS, directory=st.sampled_from([True, False, None]))
    def open_or_make(self, name: str, disposition: Disposition, directory: bool | None) -> None:
        """Open with any disposition."""
        overwrites = disposition.name in ("SUPERSEDE", "OVERWRITE", "OVERWRITE_IF")
        parent = self.parent_of(name)
        last = name.split("\\")[-1]
        found = None if parent is None or parent.entries is None else parent.entries.get(fold(last))
        expected: type[OSError] | None = None
        if directory and overwrites:
            expected = OSError
        elif parent is None:
            expected = PathNotFound
        elif found is None and disposition in (Disposition.OPEN, Disposition.OVERWRITE):
            expected = FileNotFoundError
        elif found is not None and disposition is Disposition.CREATE:
            expected = FileExistsError
        elif found is not None and directory and found.entries is None:
            expected = NotADirectoryError
        elif found is not None and found.entries is not None and (directory is False or overwrites):
            expected = IsADirectoryError
        if expected is not None:
            with pytest.raises(expected) as caught:
                self.storage.open(name, disposition, directory=directory, write=True)
            assert type(caught.value) is expected
            return
        file, action = self.storage.open(name, disposition, directory=directory, write=True)
        assert parent is not None
        assert parent.entries is not None
        if found is None:
            assert action is Action.CREATED
            found = StorageNode(last, {} if directory else None, parent=parent)
            parent.entries[fold(last)] = found
        elif overwrites:
            assert action.name in ("SUPERSEDED", "OVERWRITTEN")
            found.content = b""
        else:
            assert action is Action.OPENED
        self.open.append((file, found))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), offset=st.integers(0, 9), content=st.binary(max_size=9))
    def write(self, data: st.DataObject, offset: int, content: bytes) -> None:
        """Write, also to what was deleted."""
        file, node = data.draw(st.sampled_from(self.open))
        if node.entries is not None:
            return
        assert file.write(offset, [content]) == len(content)
        if content:
            old = node.content.ljust(offset, b"\0")
            node.content = old[:offset] + content + old[offset + len(content) :]

    @precondition(lambda self: self.open)
    @rule(data=st.data(), size=st.integers(0, 9))
    def truncate(self, data: st.DataObject, size: int) -> None:
        """Change the size."""
        file, node = data.draw(st.sampled_from(self.open))
        if node.entries is None:
            file.truncate(size)
            node.content = node.content[:size].ljust(size, b"\0")

    @precondition(lambda self: self.open)
    @rule(data=st.data(), name=NAMES, replace=st.booleans())
    def rename(self, data: st.DataObject, name: str, replace: bool) -> None:
        """Rename or move."""
        file, node = data.draw(st.sampled_from(self.open))
        parent, last = self.parent_of(name), name.split("\\")[-1]
        target = None
        if parent is not None and parent.entries is not None:
            target = parent.entries.get(fold(last))
        expected: type[OSError] | None = None
        if parent is None:
            expected = PathNotFound
        elif node.parent is None:
            expected = FileNotFoundError
        elif target not in (None, node) and not replace:
            expected = FileExistsError
        elif target is not None and target is not node:
            if target.entries is not None or node.entries is not None:
                expected = PermissionError
        elif parent.within(node):
            expected = OSError
        if expected is not None:
            with pytest.raises(expected) as caught:
                file.rename(name, replace=replace)
            assert type(caught.value) is expected
            return
        file.rename(name, replace=replace)
        assert parent is not None
        assert parent.entries is not None
        assert node.parent is not None
        assert node.parent.entries is not None
        del node.parent.entries[fold(node.name)]
        if target is not None and target is not node:
            target.parent = None
            last = target.name
        node.parent, node.name = parent, last
        parent.entries[fold(last)] = node

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Delete the name."""
        file, node = data.draw(st.sampled_from(self.open))
        if node.parent is None:
            with pytest.raises(FileNotFoundError):
                file.delete()
            return
        if node.entries:
            with pytest.raises(OSError, match="not empty") as caught:
                file.delete()
            assert caught.value.errno == errno.ENOTEMPTY
            return
        file.delete()
        assert node.parent.entries is not None
        del node.parent.entries[fold(node.name)]
        node.parent = None

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        """Close one."""
        index = data.draw(st.integers(0, len(self.open) - 1))
        file, _ = self.open.pop(index)
        file.close()

    @invariant()
    def what_is_open_is_what_it_should_be(self) -> None:
        """Content, names and identity of all opens."""
        keys: dict[object, StorageNode] = {}
        for file, node in self.open:
            assert keys.setdefault(file.key, node) is node
            assert file.is_directory == (node.entries is not None)
            if node.entries is None:
                assert bytes(file.read(0, 100)) == node.content
                assert file.stat().size == len(node.content)
            if node.parent is not None:
                assert file.name == node.path()

    @invariant()
    def the_trees_are_alike(self) -> None:
        """Compare what a client sees and what is on the disk with the model."""
        self.compare(self.root)

    def compare(self, node: StorageNode) -> None:
        """One folder of the model, and all below."""
        assert node.entries is not None
        folder, _ = self.storage.open(node.path(), directory=True)
        seen = {entry.name: entry for entry in folder.scan()}
        assert folder.is_empty() == (not node.entries)
        folder.close()
        assert set(seen) == {child.name for child in node.entries.values()}
        for child in node.entries.values():
            assert seen[child.name] == self.storage.stat(child.path())
            assert seen[child.name].is_directory == (child.entries is not None)
            assert seen[child.name].size == len(child.content)
            if child.entries is not None:
                self.compare(child)


TestModel = StorageMachine.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
