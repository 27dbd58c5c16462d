"""What verbs write."""

import os

import pytest

from smbquic.cli.shell import output as module
from smbquic.cli.shell.output import Output, PipeOutput, ReaderGone


async def test_lines_and_content_in_their_order(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Output()
    await output.line("one")
    await output.write(b"two\n")
    monkeypatch.setattr(module, "BLOCK", 10)
    await output.line("three three")
    await output.line("4")
    assert capfd.readouterr().out == "one\ntwo\nthree three\n"
    await output.flush()
    assert capfd.readouterr().out == "4\n"


async def test_a_pipe_that_nobody_reads() -> None:
    reading, writing = os.pipe()
    try:
        output = PipeOutput(writing)
        await output.write(b"x")
        assert os.read(reading, 10) == b"x"
        os.close(reading)
        with pytest.raises(ReaderGone):
            await output.write(b"x")
    finally:
        os.close(writing)
