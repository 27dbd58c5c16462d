"""The control connection."""

import asyncio
import json
import socket

from smbquic.workers.control import LINE_LIMIT, QUEUE_LIMIT, ControlChannel


async def test_lines_in_both_directions() -> None:
    here, there = socket.socketpair()
    one, other = await ControlChannel.open(here, LINE_LIMIT), await ControlChannel.open(there, 100)
    one.send("drain")
    one.send("numbers", [1, 2.5, None, "é\n"])
    assert await other.receive() == ("drain", None)
    assert await other.receive() == ("numbers", [1, 2.5, None, "é\n"])
    other.close()
    assert await one.receive() is None
    one.send("too late")
    one.close()


async def test_what_is_no_line_ends_it() -> None:
    for line in (b"no JSON\n", b"7\n", b'["one"]\n', b'{"a": 1}\n', b"[" + bytes(200) + b"\n"):
        here, there = socket.socketpair()
        channel = await ControlChannel.open(here, 100)
        with there:
            there.sendall(line)
            assert await channel.receive() is None
        channel.close()


async def test_no_more_waits_than_the_limit() -> None:
    here, there = socket.socketpair()
    with there:
        channel = await ControlChannel.open(here, 100)
        text = "x" * 10_000
        sent = 0
        while not channel.lost:
            channel.offer("log", text)
            sent += 1
        channel.offer("log", text)
        assert channel.lost == 2
        assert sent * len(text) < 2 * QUEUE_LIMIT
        channel.send("important")
        there.setblocking(True)
        lines = there.makefile()
        channel.close()
        for _ in range(sent - 1):
            assert json.loads(await asyncio.to_thread(lines.readline)) == ["log", text]
        assert json.loads(await asyncio.to_thread(lines.readline)) == ["important", None]
