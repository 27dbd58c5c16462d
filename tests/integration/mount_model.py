"""Random operations on a mount, compared with a model in memory: as fsx does, with names, too."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

NAMES = st.sampled_from(["a", "b", "d/a", "d/b", "e/a"])
OFFSETS = st.one_of(st.integers(0, 300_000), st.sampled_from([0, 1, 65_535, 65_536, 131_072]))
DATA = st.builds(lambda byte, size: bytes([byte]) * size, st.integers(1, 255), OFFSETS)


@dataclass(eq=False)
class Content:
    """What a file has in it, whatever its name is."""

    data: bytearray = field(default_factory=bytearray)

    def write(self, offset: int, data: bytes) -> None:
        if data:
            self.truncate(max(len(self.data), offset + len(data)))
            self.data[offset : offset + len(data)] = data

    def truncate(self, size: int) -> None:
        del self.data[size:]
        self.data.extend(bytes(size - len(self.data)))


class Files(RuleBasedStateMachine):
    """A folder of the mount. Files that are open keep their content when they lose their name."""

    mount: ClassVar[Path]
    share: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=self.mount))
        for name in ("d", "e"):
            (self.folder / name).mkdir()
        self.files: dict[str, Content] = {}
        self.open: list[tuple[IO[bytes], Content]] = []

    @rule(name=NAMES, offset=OFFSETS, data=DATA)
    def write(self, name: str, offset: int, data: bytes) -> None:
        descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT)
        os.pwrite(descriptor, data, offset)
        os.close(descriptor)
        self.files.setdefault(name, Content()).write(offset, data)

    @rule(name=NAMES, data=DATA)
    def replace(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)
        content = self.files.setdefault(name, Content())
        content.truncate(0)
        content.write(0, data)

    @rule(name=NAMES, data=DATA)
    def append(self, name: str, data: bytes) -> None:
        with (self.folder / name).open("ab") as file:
            file.write(data)
        content = self.files.setdefault(name, Content())
        content.write(len(content.data), data)

    @rule(name=NAMES, size=OFFSETS)
    def truncate(self, name: str, size: int) -> None:
        if name in self.files:
            os.truncate(self.folder / name, size)
            self.files[name].truncate(size)
        else:
            with pytest.raises(FileNotFoundError):
                os.truncate(self.folder / name, size)

    @rule(name=NAMES, new=NAMES)
    def rename(self, name: str, new: str) -> None:
        if name in self.files:
            (self.folder / name).rename(self.folder / new)
            self.files[new] = self.files.pop(name)
        else:
            with pytest.raises(FileNotFoundError):
                (self.folder / name).rename(self.folder / new)

    @rule(name=NAMES)
    def unlink(self, name: str) -> None:
        if name in self.files:
            (self.folder / name).unlink()
            del self.files[name]
        else:
            with pytest.raises(FileNotFoundError):
                (self.folder / name).unlink()

    @rule(name=NAMES)
    def keep_open(self, name: str) -> None:
        if name in self.files and len(self.open) < 4:
            file = (self.folder / name).open("r+b", buffering=0)
            self.open.append((file, self.files[name]))

    @precondition(lambda self: self.open)
    @rule(offset=OFFSETS, data=DATA)
    def write_open(self, offset: int, data: bytes) -> None:
        file, content = self.open[0]
        os.pwrite(file.fileno(), data, offset)
        content.write(offset, data)

    @precondition(lambda self: self.open)
    @rule(size=OFFSETS)
    def truncate_open(self, size: int) -> None:
        file, content = self.open[-1]
        file.truncate(size)
        content.truncate(size)

    @precondition(lambda self: self.open)
    @rule(offset=OFFSETS, size=OFFSETS)
    def read_open(self, offset: int, size: int) -> None:
        for file, content in self.open:
            assert os.fstat(file.fileno()).st_size == len(content.data)
            assert os.pread(file.fileno(), size, offset) == content.data[offset : offset + size]

    @precondition(lambda self: self.open)
    @rule()
    def close_first(self) -> None:
        file, _ = self.open.pop(0)
        file.close()

    @rule()
    def compare(self) -> None:
        assert set(found(self.folder)) == set(self.files)
        for name, content in self.files.items():
            assert (self.folder / name).stat().st_size == len(content.data)
            assert (self.folder / name).read_bytes() == content.data

    def teardown(self) -> None:
        try:
            self.compare()
        finally:
            for file, _ in self.open:
                file.close()
        on_disk = self.share / self.folder.name
        for name, content in self.files.items():
            assert (on_disk / name).read_bytes() == content.data


def found(folder: Path) -> Iterator[str]:
    """The files below a folder, without those that were deleted and are still open."""
    for above, _, names in os.walk(folder):
        for name in names:
            if not name.startswith(".fuse_hidden"):
                yield str((Path(above) / name).relative_to(folder))


def run_random_operations(mount: Path, share: Path) -> None:
    """Compare a mount with the model, and what is on the server's disk, the folder `share`."""
    machine = type("MountedFiles", (Files,), {"mount": mount, "share": share})
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=20, stateful_step_count=30, report_multiple_bugs=False),
    )
