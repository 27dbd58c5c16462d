"""The inputs that are kept: for each target the few that reach all that was ever reached.

One file a target, an input a line, in base64.
"""

import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import smbquic

FOLDER = Path(__file__).parent / "corpus"
LIMIT = 64 << 10
"""Bytes of a file."""

_PACKAGE = str(Path(smbquic.__file__).parent)
_COMPILED = "<smbquic."
"""How the file of what the package compiles for itself begins."""
_Arcs = set[tuple[CodeType, int, int]]


def load(name: str) -> list[bytes]:
    """The inputs that are kept for a target."""
    path = FOLDER / f"{name}.txt"
    return [b64decode(line) for line in path.read_text().splitlines()] if path.exists() else []


def save(name: str, inputs: Iterable[bytes]) -> int:
    """Keep these for a target, as many of them as there is room for; how many those are."""
    lines, size = [], 0
    for data in inputs:
        line = b64encode(data).decode()
        size += len(line) + 1
        if size > LIMIT:
            break
        lines.append(line)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))
    return len(lines)


def minimised(run: Callable[[bytes], None], inputs: Iterable[bytes]) -> list[bytes]:
    """Those that reach something which none before them does; the shortest are asked first.

    An input that shows a fault is none of them: it belongs into a test.
    """
    seen: _Arcs = set()
    kept = []
    for data in sorted(set(inputs), key=lambda each: (len(each), each)):
        try:
            arcs = _traced(run, data)
        except Exception as error:
            print(f"not kept: {data.hex()}: {error!r}")
            continue
        if not arcs <= seen:
            seen |= arcs
            kept.append(data)
    return kept


def _traced(run: Callable[[bytes], None], data: bytes) -> _Arcs:
    """From which line to which the package goes."""
    arcs: _Arcs = set()

    def enter(frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        code = frame.f_code
        if not code.co_filename.startswith((_PACKAGE, _COMPILED)):
            return None
        before = 0

        def step(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
            nonlocal before
            arcs.add((code, before, frame.f_lineno))
            before = frame.f_lineno
            return step

        return step

    before = sys.gettrace()  # that of somebody who measures the tests, say
    sys.settrace(enter)
    try:
        run(data)
    finally:
        sys.settrace(before)
    return arcs
