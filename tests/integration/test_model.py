"""One client against a model, whatever it does and in whatever order, over both transports."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Awaitable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

import smbquic
from smbquic.pki import PkiDirectory
from tests.load.actor import Actor
from tests.urls import share_url

NAMES = st.sampled_from(["a", "A", "b", "é", "É", "x y"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
DATA = st.binary(max_size=20) | st.integers(0, 255).map(lambda byte: bytes([byte]) * 70_000)
OFFSETS = st.integers(0, 30) | st.sampled_from([4096, 65_535, 100_000])
STREAMS = st.sampled_from(["one", "two"])


class ShareMachine(RuleBasedStateMachine):
    """A server of its own for each example; what happens is up to `Actor`."""

    transport = "tcp"
    pki: PkiDirectory

    @initialize()
    def connect(self) -> None:
        """Serve an empty folder, and connect to it."""
        self.path = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.actor = self.runner.run(self._connected())

    async def _connected(self) -> Actor:
        self.stack = contextlib.AsyncExitStack()
        serving = await self.stack.enter_async_context(
            smbquic.serve(
                {"data": self.path},
                {"alice": "secret"},
                [f"{self.transport}://localhost:0"],
                certificate=self.pki.server.certificate,
                key=self.pki.server.key,
            )
        )
        self.server = serving.server
        url = share_url(self.transport, serving.listeners[0].rpartition(":")[2])
        share = await self.stack.enter_async_context(
            smbquic.connect(url, password="secret", ca=self.pki.ca)
        )
        await share.mkdir("home")
        return Actor(share, "home")

    def do(self, work: Awaitable[None]) -> None:
        """Do it, and see that the server thinks nothing of it."""

        async def done() -> None:
            await work

        self.runner.run(done())
        assert self.server.failures == 0

    def teardown(self) -> None:
        """Compare all there is, and see that nothing was left open."""

        async def end() -> None:
            try:
                await self.actor.compare(self.path / "home")
                assert not len(self.server.files)
            finally:
                await self.stack.aclose()

        if hasattr(self, "actor"):
            try:
                self.runner.run(end())
            finally:
                self.runner.close()
                shutil.rmtree(self.path)

    @rule(path=PATHS)
    def make_folder(self, path: str) -> None:
        self.do(self.actor.make_folder(path))

    @rule(path=PATHS, mode=st.sampled_from(["x", "w", "a", "r+"]), data=DATA)
    def create(self, path: str, mode: str, data: bytes) -> None:
        self.do(self.actor.create(path, mode, data))

    @rule(path=PATHS, folder=st.booleans())
    def remove(self, path: str, folder: bool) -> None:
        self.do(self.actor.remove(path, folder=folder))

    @rule(path=PATHS, new_path=PATHS, replace=st.booleans())
    def rename(self, path: str, new_path: str, replace: bool) -> None:
        self.do(self.actor.rename(path, new_path, replace=replace))

    @rule(path=PATHS | st.just(""))
    def list(self, path: str) -> None:
        self.do(self.actor.list(path))

    @rule(path=PATHS)
    def stat(self, path: str) -> None:
        self.do(self.actor.stat(path))

    @rule(path=PATHS, time=st.integers(1, 2**54))
    def set_time(self, path: str, time: int) -> None:
        self.do(self.actor.set_time(path, time))

    @rule(path=PATHS, offset=OFFSETS, data=DATA)
    def write(self, path: str, offset: int, data: bytes) -> None:
        self.do(self.actor.write(path, offset, data))

    @rule(path=PATHS, offset=OFFSETS, size=OFFSETS)
    def read(self, path: str, offset: int, size: int) -> None:
        self.do(self.actor.read(path, offset, size))

    @rule(path=PATHS, size=OFFSETS)
    def truncate(self, path: str, size: int) -> None:
        self.do(self.actor.truncate(path, size))

    @rule(path=PATHS, stream=STREAMS, offset=OFFSETS, data=DATA)
    def write_stream(self, path: str, stream: str, offset: int, data: bytes) -> None:
        # A disk that keeps streams in extended attributes has little room for them.
        self.do(self.actor.write_stream(path, stream, offset % 1000, data[:1000]))

    @rule(path=PATHS)
    def read_streams(self, path: str) -> None:
        self.do(self.actor.read_streams(path))

    @rule(path=PATHS, new_path=PATHS, data=DATA)
    def write_renamed(self, path: str, new_path: str, data: bytes) -> None:
        self.do(self.actor.write_renamed(path, new_path, data))

    @rule(path=PATHS)
    def read_removed(self, path: str) -> None:
        self.do(self.actor.read_removed(path))

    @rule(path=PATHS)
    def hold_folder(self, path: str) -> None:
        self.do(self.actor.hold_folder(path))

    @rule(path=PATHS, offset=OFFSETS, length=st.integers(1, 9))
    def contend(self, path: str, offset: int, length: int) -> None:
        self.do(self.actor.contend(path, offset, length))


@pytest.mark.parametrize("over", ["tcp", "quic"])
def test_nothing_differs(over: str, pki: PkiDirectory) -> None:
    class TransportMachine(ShareMachine):
        transport = over

    TransportMachine.pki = pki
    bounds = settings(max_examples=12, stateful_step_count=40)
    run_state_machine_as_test(TransportMachine, settings=bounds)
