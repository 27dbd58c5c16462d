"""Two clients with caches and one without agree, whatever they do and in whatever order.

Every operation is followed by an ECHO on each connection: what the server has told a client by
then, the client knows. In a network, that takes as long as a message does.
"""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from smbquic.client.cache.cached_file import CachedFile
from smbquic.errors import NotFoundError
from smbquic.pki import PkiDirectory
from tests.integration.cached import clients

FILES = st.sampled_from(["a", "b", "p/a", "p/b", "q/a"])
ALL_PATHS = ["a", "b", "p", "q", "p/a", "p/b", "p/q", "q/a", "p/q/a"]
PATHS = st.sampled_from(ALL_PATHS)
WHO = st.integers(0, 1)
ANYBODY = st.integers(0, 2)
DATA = st.binary(min_size=1, max_size=5) | st.integers(1, 255).map(
    lambda byte: bytes([byte]) * 70_000
)
OFFSETS = st.sampled_from([0, 1, 3, 65_530, 65_536, 100_000])


def parent(path: str) -> str:
    return path.rpartition("/")[0]


class CacheMachine(RuleBasedStateMachine):
    """A server of its own for each example. `files` and `folders` are what has to be there."""

    transport = "tcp"
    pki: PkiDirectory

    @initialize()
    def connect(self) -> None:
        self.path = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.files: dict[str, bytes] = {"a": b"first", "p/a": b"second"}
        self.folders = {"", "p"}
        (self.path / "p").mkdir()
        for path, content in self.files.items():
            (self.path / path).write_bytes(content)
        self.open: list[tuple[int, CachedFile, str]] = []
        """Files that are open: by which client, and under which name."""
        self.runner.run(self._connect())

    async def _connect(self) -> None:
        self.stack = contextlib.AsyncExitStack()
        self.clients = await self.stack.enter_async_context(
            clients(self.path, self.pki, self.transport)
        )
        self.caches = [await self.clients.cache() for _ in range(2)]
        self.plain = await self.clients.share()

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        async def done() -> None:
            await work
            await self.clients.settle()

        self.runner.run(done())
        assert self.clients.server.failures == 0

    def teardown(self) -> None:
        async def end() -> None:
            try:
                for _, file, _ in self.open:
                    await file.close()
                for cache in self.caches:
                    await cache.aclose()
                assert not len(self.clients.server.files)
                for path, content in self.files.items():
                    assert (self.path / path).read_bytes() == content
            finally:
                await self.stack.aclose()

        if hasattr(self, "clients"):
            try:
                self.runner.run(end())
            finally:
                self.runner.close()
                shutil.rmtree(self.path)

    # --- what is there --------------------------------------------------------------------------

    def in_use(self, path: str) -> bool:
        """Whether something of this name, or below, is open."""
        return any(name == path or name.startswith(f"{path}/") for _, _, name in self.open)

    def written_by(self, path: str) -> set[int]:
        """Who has a file open for writing: what others see of its size may be from before."""
        return {who for who, file, name in self.open if name == path and file.mode.writable}

    def is_free(self, path: str) -> bool:
        return path not in self.files and path not in self.folders and parent(path) in self.folders

    def below(self, folder: str) -> list[str]:
        return [one for one in [*self.files, *self.folders] if one.startswith(f"{folder}/")]

    def share(self, who: int) -> Any:
        return self.plain if who == 2 else self.caches[who].share

    # --- changes ----------------------------------------------------------------------------------

    @rule(who=ANYBODY, path=PATHS)
    def make_folder(self, who: int, path: str) -> None:
        if self.is_free(path):
            self.folders.add(path)
            self.do(self.share(who).mkdir(path))

    @rule(who=ANYBODY, path=PATHS)
    def remove(self, who: int, path: str) -> None:
        if self.in_use(path):
            return
        if path in self.files:
            del self.files[path]
            self.do(self.share(who).remove(path))
        elif path in self.folders and not self.below(path):
            self.folders.discard(path)
            self.do(self.share(who).rmdir(path))

    @rule(who=ANYBODY, path=PATHS, new_path=PATHS, replace=st.booleans())
    def rename(self, who: int, path: str, new_path: str, replace: bool) -> None:
        if self.in_use(path) or self.in_use(new_path) or new_path.startswith(f"{path}/"):
            return
        if path in self.files and (self.is_free(new_path) or (replace and new_path in self.files)):
            if path != new_path:
                self.files[new_path] = self.files.pop(path)
                self.do(self.share(who).rename(path, new_path, replace=replace))
        elif path in self.folders and self.is_free(new_path):
            moved = len(path)
            for below in self.below(path):
                if below in self.files:
                    self.files[new_path + below[moved:]] = self.files.pop(below)
                else:
                    self.folders.remove(below)
                    self.folders.add(new_path + below[moved:])
            self.folders.remove(path)
            self.folders.add(new_path)
            self.do(self.share(who).rename(path, new_path))

    @rule(path=FILES, offset=OFFSETS, data=DATA)
    def write_without_a_cache(self, path: str, offset: int, data: bytes) -> None:
        if path not in self.files and not self.is_free(path):
            return
        mode = "r+b" if path in self.files else "xb"
        self.note_write(path, offset, data)

        async def write() -> None:
            async with self.plain.open(path, mode, buffering=0) as file:
                await file.write_at(offset, data)

        self.do(write())

    def note_write(self, path: str, offset: int, data: bytes) -> None:
        content = bytearray(self.files.get(path, b""))
        content += bytes(max(offset - len(content), 0))
        content[offset : offset + len(data)] = data
        self.files[path] = bytes(content)

    # --- open files -------------------------------------------------------------------------------

    @rule(who=WHO, path=FILES, mode=st.sampled_from(["rb", "r+b", "w+b", "x+b", "a+b"]))
    def open_file(self, who: int, path: str, mode: str) -> None:
        if len(self.open) >= 6:
            return
        if mode == "x+b" if path in self.files else mode in ("rb", "r+b"):
            return
        if path not in self.files and not self.is_free(path):
            return
        if mode == "w+b" or path not in self.files:
            self.files[path] = b""

        async def opened() -> None:
            self.open.append((who, await self.caches[who].open(path, mode), path))

        self.do(opened())

    def chosen(self, number: int) -> tuple[CachedFile, str] | None:
        return self.open[number % len(self.open)][1:] if self.open else None

    @rule(number=st.integers(0, 5), offset=OFFSETS, data=DATA)
    def write(self, number: int, offset: int, data: bytes) -> None:
        chosen = self.chosen(number)
        if chosen is not None and chosen[0].mode.writable:
            self.note_write(chosen[1], offset, data)

            async def write() -> None:
                await chosen[0].write(offset, data)

            self.do(write())

    @rule(number=st.integers(0, 5), size=OFFSETS)
    def truncate(self, number: int, size: int) -> None:
        chosen = self.chosen(number)
        if chosen is not None and chosen[0].mode.writable:
            content = self.files[chosen[1]]
            self.files[chosen[1]] = content[:size] + bytes(max(size - len(content), 0))
            self.do(chosen[0].truncate(size))

    @rule(number=st.integers(0, 5), offset=OFFSETS)
    def read(self, number: int, offset: int) -> None:
        chosen = self.chosen(number)
        if chosen is None:
            return
        file, path = chosen

        async def compare() -> None:
            assert await file.read(offset, 70_000) == self.files[path][offset:][:70_000]
            assert await file.size() == len(self.files[path])

        self.do(compare())

    @rule(number=st.integers(0, 5))
    def close(self, number: int) -> None:
        if self.open:
            _, file, _ = self.open.pop(number % len(self.open))
            self.do(file.close())

    # --- what is seen -----------------------------------------------------------------------------

    @rule(who=WHO)
    def look(self, who: int) -> None:
        """Compare all that one client sees."""

        async def compare() -> None:
            for folder in ("", "p", "q", "p/q"):
                if folder in self.folders:
                    await self.compare_listing(who, folder)
            for path in ALL_PATHS:
                await self.compare_stat(who, path)
            for path, content in self.files.items():
                async with await self.caches[who].open(path) as file:
                    assert await file.read(0, 1 << 20) == content

        self.do(compare())

    @rule(who=WHO, path=PATHS)
    def stat(self, who: int, path: str) -> None:
        self.do(self.compare_stat(who, path))

    async def compare_stat(self, who: int, path: str) -> None:
        cache = self.caches[who]
        if path in self.files:
            stat = await cache.stat(path)
            assert not stat.is_directory
            if self.written_by(path) <= {who}:
                assert stat.size == len(self.files[path])
        elif path in self.folders:
            assert (await cache.stat(path)).is_directory
        else:
            with pytest.raises(NotFoundError):
                await cache.stat(path)

    async def compare_listing(self, who: int, path: str) -> None:
        listed = {entry.name: entry async for entry in self.caches[who].scandir(path)}
        expected = {
            name.rpartition("/")[2]: name
            for name in [*self.files, *self.folders]
            if name and parent(name) == path
        }
        assert set(listed) == set(expected)
        for name, whole in expected.items():
            assert listed[name].is_directory == (whole in self.folders)
            if whole in self.files and self.written_by(whole) <= {who}:
                assert listed[name].size == len(self.files[whole])

    @rule(path=FILES)
    def read_without_a_cache(self, path: str) -> None:
        async def compare() -> None:
            if path in self.files:
                assert await self.plain.read_bytes(path) == self.files[path]

        self.do(compare())


@pytest.mark.parametrize("over", ["tcp", "quic"])
def test_all_agree(over: str, pki: PkiDirectory) -> None:
    class TransportMachine(CacheMachine):
        transport = over

    TransportMachine.pki = pki
    bounds = settings(max_examples=12, stateful_step_count=50)
    run_state_machine_as_test(TransportMachine, settings=bounds)
