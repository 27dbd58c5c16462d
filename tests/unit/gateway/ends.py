"""A transport whose peer is the test."""

from smbquic.transport.base import Flow, PathStatistics, Peer
from smbquic.wire.cursor import Buffer
from tests.scripted_transport import ScriptedTransport


class End(ScriptedTransport):
    """A transport whose peer is the test."""

    def __init__(self, port: int) -> None:
        super().__init__(Peer("tcp", ("127.0.0.1", 1), ("127.0.0.1", port)))
        self.send_error: Exception | None = None
        self.reasons: list[str] = []

    def authenticated(self) -> None:
        """See `MessageTransport`."""

    def send_now(self, *buffers: Buffer) -> bool:
        return False

    async def send(self, *buffers: Buffer) -> None:
        await self.stuck.wait()
        if self.send_error is not None:
            raise self.send_error
        self.sent.append(b"".join(buffers))

    def close(self, reason: str = "", *, answered: bool = False) -> None:
        self.reasons.append(reason)
        super().close(reason)

    def statistics(self) -> PathStatistics:
        return PathStatistics()

    def drop(self, reason: str) -> None:
        self.close(reason)

    def flow(self) -> Flow:
        return Flow(
            sent=0, untaken=0, kept=0, received=0, unfetched=0, messages=0, unfinished=False
        )
