"""The worker's end of a connection, with the main process's end of it."""

import pytest

from smbquic.errors import ConnectionClosed, RemoteProtocolError
from smbquic.transport.base import Flow
from smbquic.workers.link import DROPPED, REPORT_SIZE
from smbquic.workers.records import RecordKind
from tests.polling import eventually
from tests.unit.workers.joined import joined


async def test_only_what_has_changed_is_reported() -> None:
    async with joined() as ends:
        assert not ends.link.report()
        ends.client.state = Flow(10, 0, 0, 7, 0, 1, unfinished=False)
        assert ends.link.report()
        assert not ends.link.report()
        await ends.progress()
        assert ends.transport.flow().received == 7


async def test_more_is_not_acknowledged_than_was_sent() -> None:
    async with joined() as ends:
        ends.client.state = Flow(10, 40, 40, 0, 0, 0, unfinished=False)
        assert ends.link.report()
        await ends.progress()
        assert ends.transport.flow().untaken == 30


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(Flow(10, 4, 4, 0, 0, 0, unfinished=False), id="not taken"),
        pytest.param(Flow(10, 0, 0, 0, 0, 0, unfinished=True), id="unfinished"),
    ],
)
async def test_what_moves_on_is_looked_at_again(state: Flow) -> None:
    async with joined() as ends:
        ends.client.state = state
        assert ends.link.report()
        assert ends.link.report()


async def test_much_is_reported_at_once() -> None:
    async with joined() as ends:
        ends.client.state = Flow(REPORT_SIZE, 0, 0, 0, 0, 1, unfinished=False)
        ends.link.moved(memoryview(bytes(REPORT_SIZE - 1)))
        await ends.progress()
        assert ends.transport.flow().messages == 0
        ends.link.moved(memoryview(b"1"))
        await ends.progress()
        assert ends.transport.flow().messages == 1


async def test_nothing_is_reported_while_the_main_process_takes_nothing() -> None:
    async with joined() as ends:
        while ends.link.send_now(bytes(1 << 20)):
            pass
        waiting = ends.link.flow().untaken
        for number in range(1000):
            ends.client.state = Flow(number, 0, 0, 0, 0, 0, unfinished=False)
            ends.link.report()
        assert ends.link.flow().untaken == waiting


async def test_a_main_process_that_drops_a_client_which_takes_nothing() -> None:
    async with joined() as ends, ends.filling(ends.transport, ends.link):
        ends.link.report()
        assert ends.client.ends == []
        ends.transport.drop("too slow")

        def noticed() -> bool:
            ends.link.report()
            return bool(ends.client.ends)

        await eventually(noticed)
        assert ends.client.ends[0] == f"dropped: {DROPPED}"


async def test_a_closed_connection_is_not_dropped() -> None:
    async with joined() as ends:
        ends.transport.close("bye")
        with pytest.raises(ConnectionClosed):
            await ends.link.receive()
        ends.link.close()
        await ends.link.wait_closed()
        assert ends.client.ends == []


async def test_records_that_no_main_process_sends() -> None:
    async with joined() as ends:
        ends.transport.write_record(RecordKind.PROGRESS)
        with pytest.raises(RemoteProtocolError, match="PROGRESS"):
            await ends.link.receive()
        await eventually(lambda: ends.client.ends == [f"dropped: {DROPPED}"])
