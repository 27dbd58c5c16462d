"""What operations are counted."""

import asyncio

import pytest

from benchmarks.soak.meter import Meter
from benchmarks.soak.pacer import Pacer
from smbquic import LockedError, NtStatus


async def three() -> int:
    return 3


async def fail() -> None:
    raise ValueError("no")


async def locked() -> None:
    raise LockedError(NtStatus.LOCK_NOT_GRANTED, "LOCK")


def test_what_was_done_is_counted_once() -> None:
    async def main() -> None:
        meter = Meter(Pacer(1e6))
        assert await meter.timed("count", three) == 3
        with pytest.raises(ValueError, match="no"):
            await meter.timed("fail", fail)
        assert set(meter.take_report().times) == {"count"}
        assert meter.take_report().operations == 0

    asyncio.run(main())


def test_a_lock_of_another_client_is_no_failure() -> None:
    async def main() -> None:
        meter = Meter(Pacer(1e6))
        await meter.unless_locked("lock", locked)
        await meter.unless_locked("count", three)
        assert meter.report.refused == {"lock": 1}
        with pytest.raises(ValueError, match="no"):
            await meter.unless_locked("fail", fail)

    asyncio.run(main())
