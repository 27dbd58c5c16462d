"""The log of a worker in that of the main process."""

import logging
import socket
from typing import Any

import pytest

from smbquic.workers import log
from smbquic.workers.control import ControlChannel


async def test_a_record_arrives_with_its_level_and_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    here, there = socket.socketpair()
    worker, main = (
        await ControlChannel.open(here, 1 << 20),
        await ControlChannel.open(there, 1 << 20),
    )
    logger = logging.getLogger("smbquic.of-a-worker")
    logger.propagate = False
    handler = log.ControlHandler(worker)
    logger.addHandler(handler)
    try:
        raise ValueError("no")
    except ValueError:
        logger.exception("it %s", "failed")
    logger.warning("%s", "x" * 100_000)
    logger.removeHandler(handler)
    logger.propagate = True
    for _ in range(2):
        line = await main.receive()
        assert line is not None
        log.write(7, line[1])
    first, second = caplog.records
    assert (first.name, first.levelno) == (logger.name, logging.ERROR)
    assert first.getMessage().startswith("worker 7: it failed\nTraceback")
    assert len(second.getMessage()) == log.TEXT_LIMIT + len("worker 7: ")
    worker.close()
    main.close()


async def test_a_record_that_cannot_be_formatted(capsys: pytest.CaptureFixture[str]) -> None:
    here, there = socket.socketpair()
    with there:
        worker = await ControlChannel.open(here, 100)
        arguments: tuple[Any, ...] = ("two", "of them")
        record = logging.LogRecord("name", 20, "", 0, "one: %s", arguments, None)
        log.ControlHandler(worker).handle(record)
        worker.close()
    assert "not all arguments converted" in capsys.readouterr().err


def test_a_level_that_is_none(caplog: pytest.LogCaptureFixture) -> None:
    log.write(0, ["smbquic", "high", "text"])
    assert caplog.records == []
