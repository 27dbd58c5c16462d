"""The page about the messages: `python -m tests.docs.messages_page > docs/reference/messages.md`.

It is made of the declarations in `smbquic.wire` that the code itself is compiled from.
"""

import inspect
import re
import struct
import sys
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

from smbquic.wire.header import Command
from smbquic.wire.layout import Array, ContextList, Fixed, Pointer, Reserved, VariablePart
from smbquic.wire.message import Message
from smbquic.wire.messages import REQUESTS, RESPONSES
from smbquic.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakNotification,
    LeaseBreakResponse,
    OplockBreakNotification,
)

_HEAD = """# Messages

The bodies of the SMB2 messages as smbquic declares them, in the sections of [MS-SMB2]. Offsets
count from the start of the body, which follows the header of 64 bytes. This page is generated:
`python -m tests.docs.messages_page > docs/reference/messages.md`.

Written by hand, and not here, are those that have several forms: {by_hand}.
"""
_NUMBERS = {"B": "8 bits", "H": "16 bits", "I": "32 bits", "Q": "64 bits"}


def page() -> str:
    """The whole page."""
    found: dict[str, type[Message]] = {}
    for body in (
        *REQUESTS.values(),
        *RESPONSES.values(),
        OplockBreakNotification,
        LeaseBreakAcknowledgment,
        LeaseBreakNotification,
        LeaseBreakResponse,
    ):
        found[body.__name__] = body
    bodies = sorted(found.values(), key=lambda body: (body.command, body.__name__))
    by_hand = ", ".join(f"`{body.__name__}`" for body in bodies if not hasattr(body, "LAYOUT"))
    sections = [_HEAD.format(by_hand=by_hand)]
    sections += ["\n".join(_section(body)) for body in bodies if hasattr(body, "LAYOUT")]
    return "\n".join(sections)


def _section(body: type[Message]) -> Iterator[str]:
    layout, types = body.LAYOUT, get_type_hints(body)
    reference = re.search(r"\[MS-SMB2\] ([\d.]*\d)", inspect.getdoc(body) or "")
    assert reference is not None, body
    yield f"## `{body.__name__}`\n"
    yield f"{Command(body.command).name}, section {reference[1]}.\n"
    yield "| offset | bytes | field | what |"
    yield "|---|---|---|---|"
    yield f"| 0 | 2 | `structure_size` | {layout.structure_size} |"
    offset = 2
    for name, each in layout.fixed.items():
        size = struct.calcsize(f"<{each.codes}")
        yield f"| {offset} | {size} | `{name}` | {_meaning(each, types.get(name))} |"
        offset += size
    for name, part in layout.parts.items():
        aligned = f", at a multiple of {part.align} bytes" if part.align > 1 else ""
        yield f"| | | `{name}` | {_content(part, types[name])}{aligned} |"
    if layout.at_least_one_byte:
        yield "\nWithout any byte of variable size, one zero byte follows."
    yield ""


def _content(part: VariablePart | Array | ContextList, kind: Any) -> str:
    if isinstance(part, ContextList):
        return "contexts, with dialect 3.1.1 only"
    element = get_args(kind)[0] if isinstance(part, Array) else kind
    name = element.__name__ if isinstance(element, type) else "bytes"
    if not isinstance(part, Array):
        return name
    return f"elements of {part.size} bytes" + (f": `{name}`" if name != "int" else "")


def _meaning(each: Fixed | Reserved | Pointer, kind: type | None) -> str:
    if isinstance(each, Reserved):
        return "zeros, ignored"
    if isinstance(each, Pointer) and each.meaning == "offset":
        empty = "" if each.always else ", 0 if it is empty"
        return f"offset of `{each.part}` from the header on{empty}"
    if isinstance(each, Pointer):
        return f"{'elements' if each.meaning == 'count' else 'bytes'} of `{each.part}`"
    name = kind.__name__ if kind is not None else ""
    return _NUMBERS.get(each.codes, name) if name == "int" else f"`{name}`"


if __name__ == "__main__":
    sys.stdout.write(page())
