"""Compiles a `Layout` to the methods of a message.

What is declared costs nothing when a message comes or goes: the methods are source that is made and
compiled once, as `dataclasses` compiles ``__init__``. Tracebacks and debuggers find it in
`linecache`. The locals of the source are named by their first letter: v is the value of a field;
o the offset, n the length, c the number of elements and e the end of a part, p its bytes, g the gap
before it.
"""

import linecache
import struct
from collections.abc import Callable
from typing import Any

from smbquic.errors import WireError
from smbquic.wire.cursor import HEADER_SIZE, padding
from smbquic.wire.layout import (
    Array,
    ContextList,
    Fixed,
    Layout,
    Pointer,
    Reserved,
    VariablePart,
)

_LETTERS = {"offset": "o", "length": "n", "count": "c"}


def compile_methods(layout: Layout) -> dict[str, Callable[..., Any]]:
    """Return `decode`, `encode` and, where there is a payload, `buffers`."""
    names: dict[str, Any] = {
        "new": object.__new__,
        "padding": padding,
        "struct_error": struct.error,
        "too_short": _too_short,
        "wrong_size": _wrong_size,
        "outside": _outside,
        "too_few": _too_few,
        "unpack": struct.Struct(layout.packing).unpack_from,
        "pack": struct.Struct(layout.packing + _filler(layout)).pack,
    }
    for name, each in (layout.fixed | layout.parts).items():
        if isinstance(each, Reserved | Pointer):
            continue
        names[f"decode_{name}"] = each.decode
        names[f"encode_{name}"] = each.encode
        if isinstance(each, ContextList):
            names[f"present_{name}"] = each.present
    source = "\n".join([*_decode(layout), "", *_encode(layout), ""])
    file = f"<smbquic.wire: {layout.name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    # Nothing of it comes from outside: it is made of the names of fields.
    exec(compile(source, file, "exec"), names)  # noqa: S102
    return {name: names[name] for name in ("decode", "encode", "buffers") if name in names}


def _filler(layout: Layout) -> str:
    """Return the byte that stands for the parts of a message that never has any."""
    return "x" if layout.at_least_one_byte and not layout.parts else ""


# --- decode ----------------------------------------------------------------------------------


def _decode(layout: Layout) -> list[str]:
    targets = ["size"]
    for name, each in layout.fixed.items():
        targets += _targets(name, each)
    lines = [
        "def decode(cls, message):",
        "    try:",
        f"        {', '.join(targets)}, = unpack(message, {HEADER_SIZE})",
        "    except struct_error as error:",
        "        raise too_short(cls, message) from error",
        f"    if size != {layout.structure_size}:",
        f"        raise wrong_size(cls, size, {layout.structure_size})",
    ]
    for name, part in layout.parts.items():
        if isinstance(part, VariablePart):
            lines += _decode_part(name, part)
        elif isinstance(part, Array):
            lines += _decode_array(name, part, layout.start)
    lines.append("    self = new(cls)")
    for name, each in layout.fixed.items():
        if isinstance(each, Fixed):
            values = _targets(name, each)
            value = values[0] if len(values) == 1 else f"({', '.join(values)})"
            value = value if each.decode is None else f"decode_{name}({value})"
            lines.append(f"    self.{name} = {value}")
    for name, part in layout.parts.items():
        value = f"v_{name}"
        if isinstance(part, ContextList):
            # Whether there are any depends on other fields, so these are set before.
            value = f"decode_{name}(message, o_{name}, c_{name}) if present_{name}(self) else []"
        lines.append(f"    self.{name} = {value}")
    return [*lines, "    return self"]


def _targets(name: str, each: Fixed | Reserved | Pointer) -> list[str]:
    """Return what the values of a field are unpacked to."""
    if isinstance(each, Reserved):
        return []
    if isinstance(each, Pointer):
        return [f"{_LETTERS[each.meaning]}_{each.part}"]
    count = len(struct.unpack(f"<{each.codes}", bytes(struct.calcsize(f"<{each.codes}"))))
    return [f"v_{name}"] if count == 1 else [f"v_{name}_{number}" for number in range(count)]


def _decode_part(name: str, part: VariablePart) -> list[str]:
    """Return the lines that decode a part, which may be anywhere if it is empty."""
    value = f"message[o_{name} : o_{name} + n_{name}]"
    if part.decode is not None:
        value = f"decode_{name}({value})"
    return [
        f"    if not n_{name}:",
        f"        v_{name} = {part.empty}",
        f"    elif o_{name} < {HEADER_SIZE} or o_{name} + n_{name} > len(message):",
        f"        raise outside(cls, o_{name}, n_{name}, message)",
        "    else:",
        f"        v_{name} = {value}",
    ]


def _decode_array(name: str, array: Array, start: int) -> list[str]:
    return [
        f"    e_{name} = {start} + {array.size} * c_{name}",
        f"    if e_{name} > len(message):",
        f"        raise too_few(cls, {array.size} * c_{name}, {start}, message)",
        f"    v_{name} = decode_{name}(message[{start} : e_{name}])",
    ]


def _too_short(cls: type, message: memoryview) -> WireError:
    return WireError(f"{cls.__name__}: {len(message)} bytes are too few")


def _wrong_size(cls: type, size: int, expected: int) -> WireError:
    return WireError(f"{cls.__name__}: StructureSize is {size}, not {expected}")


def _outside(cls: type, offset: int, length: int, message: memoryview) -> WireError:
    return WireError(
        f"{cls.__name__}: bytes {offset} to {offset + length} do not lie in {len(message)} bytes"
    )


def _too_few(cls: type, size: int, start: int, message: memoryview) -> WireError:
    return WireError(
        f"{cls.__name__}: {size} bytes are announced and {len(message) - start} are left"
    )


# --- encode ----------------------------------------------------------------------------------


def _encode(layout: Layout) -> list[str]:
    lines: list[str] = []
    end = str(layout.start)
    pieces: list[str] = []
    for name, part in layout.parts.items():
        if isinstance(part, Array):
            lines += [
                f"    p_{name} = encode_{name}(self.{name})",
                f"    c_{name} = len(self.{name})",
            ]
            end = f"{end} + len(p_{name})"
        elif isinstance(part, ContextList):
            lines += _encode_contexts(name, part, end)
            pieces.append(f"g_{name}")
        else:
            is_aligned = bool(pieces) and part.align > 1
            lines += _encode_part(name, part, end, is_aligned=is_aligned)
            if is_aligned:
                pieces.append(f"g_{name}")
            end = f"o_{name} + n_{name}"
        pieces.append(f"p_{name}")
    fixed = f"pack({', '.join([str(layout.structure_size), *_values(layout)])})"
    if not pieces:
        return ["def encode(self):", *lines, f"    return {fixed}"]
    if layout.at_least_one_byte:
        empty = " or ".join(f"n_{name}" for name in layout.parts)
        lines += [f"    if not ({empty}):", f"        {pieces[-1]} = b'\\0'"]
    *first, last = pieces
    if list(layout.parts.values())[-1].encode is not None:
        return ["def encode(self):", *lines, f"    return {_joined([fixed, *pieces])}"]
    return [
        "def buffers(self):",
        *lines,
        f"    return [{_joined([fixed, *first])}, {last}]",
        "",
        "def encode(self):",
        "    return b''.join(self.buffers())",
    ]


def _encode_part(name: str, part: VariablePart, end: str, *, is_aligned: bool) -> list[str]:
    lines = [f"    p_{name} = self.{name}"]
    if part.encode is not None:
        lines.append(f"    p_{name} = encode_{name}(p_{name}) if p_{name} else b''")
    lines.append(f"    n_{name} = len(p_{name})")
    if is_aligned:
        lines.append(f"    g_{name} = padding({end}, {part.align}) if n_{name} else b''")
        end += f" + len(g_{name})"
    lines.append(f"    o_{name} = {end}")
    return lines


def _encode_contexts(name: str, part: ContextList, end: str) -> list[str]:
    return [
        f"    if present_{name}(self):",
        f"        p_{name} = encode_{name}(self.{name})",
        f"        c_{name} = len(self.{name})",
        f"        g_{name} = padding({end}, {part.align})",
        f"        o_{name} = {end} + len(g_{name})",
        "    else:",
        f"        p_{name} = g_{name} = b''",
        f"        o_{name} = c_{name} = 0",
    ]


def _joined(pieces: list[str]) -> str:
    return " + ".join(pieces) if len(pieces) < 3 else f"b''.join(({', '.join(pieces)}))"


def _values(layout: Layout) -> list[str]:
    """Return what is packed, in its order."""
    values = []
    for name, each in layout.fixed.items():
        if isinstance(each, Fixed):
            values.append(each.encode.format(f"self.{name}"))
        elif isinstance(each, Pointer):
            value = f"{_LETTERS[each.meaning]}_{each.part}"
            part = layout.parts[each.part]
            if each.meaning == "offset" and isinstance(part, VariablePart) and not each.always:
                value = f"n_{each.part} and {value}"
            values.append(value)
    return values
