import pytest

from smbquic.ntstatus import NtStatus
from smbquic.observe.request_counts import LATENCIES, MAX_STATUSES, OTHER_STATUS, RequestCounts
from smbquic.wire.header import Command


def test_requests_are_counted_by_command_and_status() -> None:
    counts = RequestCounts()
    counts.add(Command.READ, NtStatus.SUCCESS, 0.001)
    counts.add(Command.READ, NtStatus.END_OF_FILE, 0.002)
    counts.add(Command.READ, NtStatus.END_OF_FILE, 100.0)
    read = counts.commands[Command.READ]
    assert read.name == "READ"
    assert read.statuses == {NtStatus.SUCCESS: 1, NtStatus.END_OF_FILE: 2}
    assert read.latencies.count == 3
    assert read.latencies.counts[-1] == 1


@pytest.mark.parametrize("command", Command)
def test_every_command_has_counts_of_its_own(command: Command) -> None:
    assert RequestCounts().commands[command].name == command.name


@pytest.mark.parametrize("command", [len(Command), 0x7FFF, 0xFFFF])
def test_unknown_commands_are_counted_together(command: int) -> None:
    counts = RequestCounts()
    counts.add(command, NtStatus.INVALID_PARAMETER, 0.0)
    assert counts.commands[-1].name == "other"
    assert counts.commands[-1].statuses[NtStatus.INVALID_PARAMETER] == 1


def test_however_many_statuses_there_are_the_counts_are_bounded() -> None:
    counts = RequestCounts()
    for status in range(10 * MAX_STATUSES):
        counts.add(Command.CREATE, status, 0.0)
    found = counts.commands[Command.CREATE].statuses
    assert len(found) == MAX_STATUSES + 1
    assert found[OTHER_STATUS] == 9 * MAX_STATUSES


def test_the_bounds_are_in_order() -> None:
    assert list(LATENCIES) == sorted(set(LATENCIES))
