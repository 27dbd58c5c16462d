"""A reader who goes through a page from its top to its end, and does what each block says."""

import os
import re
import shutil
from types import TracebackType
from typing import Self

import pytest

from tests.conftest import SEARCH_PATH
from tests.docs.machine import ReaderMachine, Terminal
from tests.docs.pages import Block, blocks

READY = "Windows trusts it"
"""`smbquic serve` prints this last."""


class Reader:
    """Takes the blocks of a page in their order.

    Each is named by how it begins, so that a block which nobody expected fails the test, and so
    does one that is left over at the end.
    """

    def __init__(self, machine: ReaderMachine, page: str) -> None:
        self.machine = machine
        self.page = page
        self._blocks = blocks(page)
        self._missing: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            return
        assert not self._blocks, f"{self._blocks[0]}: nobody has run this block"
        if self._missing:
            pytest.skip(f"{self.page}: all but {', '.join(self._missing)}")

    def _next(self, begins: str) -> Block:
        assert self._blocks, f"{self.page}: no block begins with {begins!r}"
        block = self._blocks.pop(0)
        assert block.text.startswith(begins), (
            f"{block}: a block that begins with {begins!r} was expected, and not\n{block.text}"
        )
        return block

    def run(self, begins: str, *terminals: Terminal) -> str:
        """Run the next block in each of these terminals, to its end; what it printed."""
        block = self._next(begins)
        assert block.language == "sh", f"{block}: this is {block.language!r}, and not sh"
        return "".join(terminal.run(block.text) for terminal in terminals)

    def run_with(self, program: str, begins: str, terminal: Terminal) -> str | None:
        """Run the next block if a program of Debian's is there; else leave it out and say so."""
        if shutil.which(program, path=SEARCH_PATH) is not None:
            return self.run(begins, terminal)
        block = self._next(begins)
        if os.environ.get("CI"):
            pytest.fail(f"{block}: not installed: {program}", pytrace=False)
        self._missing.append(f"line {block.line} (not installed: {program})")
        return None

    def start(self, begins: str, terminal: Terminal, *, ready: str) -> str:
        """Run the next block, which goes on running once it has printed `ready`."""
        block = self._next(begins)
        assert block.language == "sh", f"{block}: this is {block.language!r}, and not sh"
        terminal.start(block.text)
        return terminal.wait_for(ready)

    def python(self, begins: str, terminal: Terminal, *, ready: str | None = None) -> str:
        """Paste the next block, which is Python, into a file, and run that.

        With `ready`, it goes on running once it has printed that.
        """
        block = self._next(begins)
        assert block.language == "python", f"{block}: this is {block.language!r}, and not python"
        script = f"{_written(block, 'pasted.py')}python3 pasted.py\n"
        if ready is None:
            return terminal.run(script)
        terminal.start(script)
        return terminal.wait_for(ready)

    def write(self, begins: str, terminal: Terminal, *, file: str) -> None:
        """Write the next block into the file that the page names."""
        terminal.run(_written(self._next(begins), file))

    def compare(self, begins: str, shown: str) -> None:
        """Hold the next block against what was printed; `...` stands for anything in its place."""
        block = self._next(begins)
        assert block.language == "text", f"{block}: this is {block.language!r}, and not text"
        pattern = ".*?".join(map(re.escape, block.text.strip().split("...")))
        assert re.search(pattern, shown, re.DOTALL), f"{block}: it prints\n{shown}"

    def signatures(self) -> None:
        """Pass over the blocks up to the next example in Python: they show signatures."""
        while self._blocks and self._blocks[0].language == "text":
            self._blocks.pop(0)

    def leave_out(self, begins: str, *, why: str) -> None:
        """Pass over a block that cannot be run here; `why` is for who reads the test."""
        self._next(begins)


def _written(block: Block, file: str) -> str:
    return f"cat >{file} <<'PASTED'\n{block.text}PASTED\n"
