"""Compiles a `Layout` to the methods of a message.

What is declared costs nothing when a message comes or goes: the methods are source that is made and
compiled once, as `dataclasses` compiles ``__init__``. Tracebacks and debuggers find it in
`linecache`. The locals of the source are named by their first letter: v is
the value of a field, o the offset and n the length of a part, p its bytes, g the gap before it.
"""

import linecache
import struct
from collections.abc import Callable
from typing import Any

from smbquic.errors import WireError
from smbquic.wire.cursor import HEADER_SIZE, padding
from smbquic.wire.layout import Fixed, Layout, Pointer, Reserved, VariablePart


def compile_methods(layout: Layout) -> dict[str, Callable[..., Any]]:
    """Return `decode`, `encode` and, where there is a payload, `buffers`."""
    names: dict[str, Any] = {
        "new": object.__new__,
        "padding": padding,
        "struct_error": struct.error,
        "too_short": _too_short,
        "wrong_size": _wrong_size,
        "outside": _outside,
        "unpack": struct.Struct(layout.packing).unpack_from,
        "pack": struct.Struct(layout.packing + _filler(layout)).pack,
    }
    for name, each in (layout.fixed | layout.parts).items():
        if isinstance(each, Fixed | VariablePart):
            names[f"decode_{name}"] = each.decode
            names[f"encode_{name}"] = each.encode
    source = "\n".join([*_decode(layout), "", *_encode(layout), ""])
    file = f"<smbquic.wire: {layout.name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    # Nothing of it comes from outside: it is made of the names of fields.
    exec(compile(source, file, "exec"), names)  # noqa: S102
    return {name: names[name] for name in ("decode", "encode", "buffers") if name in names}


def _filler(layout: Layout) -> str:
    """The byte that stands for the parts of a message that never has any."""
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
        lines += _decode_part(name, part)
    lines.append("    self = new(cls)")
    for name, each in layout.fixed.items():
        if isinstance(each, Fixed):
            values = _targets(name, each)
            value = values[0] if len(values) == 1 else f"({', '.join(values)})"
            value = value if each.decode is None else f"decode_{name}({value})"
            lines.append(f"    self.{name} = {value}")
    lines += [f"    self.{name} = v_{name}" for name in layout.parts]
    return [*lines, "    return self"]


def _targets(name: str, each: Fixed | Reserved | Pointer) -> list[str]:
    """What the values of a field are unpacked to."""
    if isinstance(each, Reserved):
        return []
    if isinstance(each, Pointer):
        return [f"o_{each.part}" if each.is_offset else f"n_{each.part}"]
    count = len(struct.unpack(f"<{each.codes}", bytes(struct.calcsize(f"<{each.codes}"))))
    return [f"v_{name}"] if count == 1 else [f"v_{name}_{number}" for number in range(count)]


def _decode_part(name: str, part: VariablePart) -> list[str]:
    """An empty part may be anywhere; any other must lie behind the header."""
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


def _too_short(cls: type, message: memoryview) -> WireError:
    return WireError(f"{cls.__name__}: {len(message)} bytes are too few")


def _wrong_size(cls: type, size: int, expected: int) -> WireError:
    return WireError(f"{cls.__name__}: StructureSize is {size}, not {expected}")


def _outside(cls: type, offset: int, length: int, message: memoryview) -> WireError:
    return WireError(
        f"{cls.__name__}: bytes {offset} to {offset + length} do not lie in {len(message)} bytes"
    )


# --- encode ----------------------------------------------------------------------------------


def _encode(layout: Layout) -> list[str]:
    lines: list[str] = []
    end = str(layout.start)
    pieces: list[str] = []
    for name, part in layout.parts.items():
        lines.append(f"    p_{name} = self.{name}")
        if part.encode is not None:
            lines.append(f"    p_{name} = encode_{name}(p_{name}) if p_{name} else b''")
        lines.append(f"    n_{name} = len(p_{name})")
        if pieces and part.align > 1:
            lines.append(f"    g_{name} = padding({end}, {part.align}) if n_{name} else b''")
            end += f" + len(g_{name})"
            pieces.append(f"g_{name}")
        lines.append(f"    o_{name} = {end}")
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


def _joined(pieces: list[str]) -> str:
    return " + ".join(pieces) if len(pieces) < 3 else f"b''.join(({', '.join(pieces)}))"


def _values(layout: Layout) -> list[str]:
    """What is packed, in its order."""
    values = []
    for name, each in layout.fixed.items():
        if isinstance(each, Fixed):
            values.append(each.encode.format(f"self.{name}"))
        elif isinstance(each, Pointer) and not each.is_offset:
            values.append(f"n_{each.part}")
        elif isinstance(each, Pointer):
            offset = f"o_{each.part}"
            values.append(offset if each.always else f"n_{each.part} and {offset}")
    return values
