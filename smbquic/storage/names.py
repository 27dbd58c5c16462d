r"""Names on the wire and names on the disk.

The wire knows UTF-16 without a few characters, the disk any bytes but NUL and ``/``. What one
side can't say is spelled in the private range that macOS and Linux clients use for it too
("Services for Macintosh", SFM), so that they show the name as it is on the disk:

- control characters are U+F001..F01F, and ``" * : < > ? \ |`` are U+F020..F027;
- a space or a period at the end of a name, which Windows would drop, are U+F028 and U+F029.

Two more are ours: a byte that is not valid UTF-8 is U+F000 plus that byte (U+F080..F0FF), and so
is each byte of a character that lies in one of these ranges on the disk itself. That makes the
mapping a bijection: every name on the disk has exactly one spelling on the wire that leads back
to it, and a spelling that leads elsewhere is no name. One alias is let through, because clients
without SFM send it: a bare space or period at the end means itself.

Names are never normalised: two spellings of one letter are two names, as on Windows.
"""

import re
from functools import cache
from typing import Final

from smbquic.storage.errors import NameInvalid

SEPARATOR: Final = "\\"
MAX_UNITS: Final = 255
"""The longest component, in UTF-16 units on the wire and in bytes on the disk."""
MAX_DEPTH: Final = 256
"""Components of a name: each is a step on the disk whenever something is opened."""

_PRIVATE: Final = 0xF000
_FORBIDDEN: Final = '"*:<>?\\|'
_TRAILING: Final = {" ": "\uf028", ".": "\uf029"}

_TO_WIRE: Final[dict[int, int | str]] = {code: _PRIVATE + code for code in range(0x01, 0x20)}
_TO_WIRE.update({ord(char): 0xF020 + index for index, char in enumerate(_FORBIDDEN)})
_TO_DISK: Final[dict[int, int | str]] = {int(wire): disk for disk, wire in _TO_WIRE.items()}
_TO_DISK.update({ord(wire): disk for disk, wire in _TRAILING.items()})
# U+DC80..DCFF is how Python's surrogateescape spells the bytes that are no UTF-8.
_TO_WIRE.update({0xDC00 + byte: _PRIVATE + byte for byte in range(0x80, 0x100)})
_TO_DISK.update({_PRIVATE + byte: 0xDC00 + byte for byte in range(0x80, 0x100)})
_TO_WIRE.update(
    {code: "".join(chr(_PRIVATE + byte) for byte in chr(code).encode()) for code in _TO_DISK}
)

_SPECIAL_ON_DISK: Final = re.compile(
    r'[\x01-\x1f"*:<>?\\|\udc80-\udcff\uf001-\uf029\uf080-\uf0ff]|[ .]\Z'
)
_INVALID_ON_WIRE: Final = re.compile(r'[\x00-\x1f"*:<>?|/\\\ud800-\udfff]')
_INVALID_IN_STREAMS: Final = re.compile(r"[\x00/:\\\ud800-\udfff]")
_SPECIAL_ON_WIRE: Final = re.compile(r"[\uf001-\uf029\uf080-\uf0ff]")


def split(name: str) -> list[str]:
    """Return the components of a name relative to the share's root; none for the root itself.

    Every component is one that `to_disk` takes. Raises NameInvalid.
    """
    if not name:
        return []
    if name.count(SEPARATOR) >= MAX_DEPTH:
        raise NameInvalid("a name with too many folders", f"{name[:MAX_UNITS]}...")
    components = name.split(SEPARATOR)
    for component in components:
        to_disk(component)
    return components


def join(components: list[str]) -> str:
    """Return the name of components; the opposite of `split`."""
    return SEPARATOR.join(components)


def parent_of(name: str) -> str:
    """Return the name of the folder that a file or folder is in."""
    return name.rpartition(SEPARATOR)[0]


def moved(name: str, old: str, new: str) -> str:
    """Return what a name has become by the move of a folder, be it that folder or one above it."""
    if name == old:
        return new
    return new + name[len(old) :] if name.startswith(old + SEPARATOR) else name


def check_stream_name(name: str) -> None:
    """Raise NameInvalid for what no named stream can be called. Wildcards and controls are fine."""
    if not is_stream_name(name):
        raise NameInvalid("a stream's name cannot be empty, nor hold a separator", name)
    if len(name.encode("utf-16-le")) > 2 * MAX_UNITS:
        raise NameInvalid("a stream's name that is too long", name)


def is_stream_name(name: str) -> bool:
    """Return whether clients could spell the name of a stream, however long it is."""
    return bool(name) and not _INVALID_IN_STREAMS.search(name)


def to_disk(component: str) -> bytes:
    r"""Return the name on the disk for one component from the wire.

    Never empty, ``.`` or ``..``, never with ``/`` or NUL in it. Raises NameInvalid, also for
    ``:`` (no streams here), wildcards, lone surrogates and what is too long for a disk.
    """
    if _INVALID_ON_WIRE.search(component):
        raise NameInvalid("a character that no name may have", component)
    text = component
    if _SPECIAL_ON_WIRE.search(component):
        text = component.translate(_TO_DISK)
    raw = text.encode("utf-8", "surrogateescape")
    if raw in (b"", b".", b".."):
        raise NameInvalid("an empty or relative component", component)
    if len(raw) > MAX_UNITS:
        raise NameInvalid("a component that is too long", component)
    if text is not component:
        canonical = component[:-1] + _TRAILING.get(component[-1], component[-1])
        if from_disk(raw) != canonical:
            raise NameInvalid("private characters that spell no name of a disk", component)
    return raw


def from_disk(raw: bytes) -> str:
    """Return the one spelling on the wire for a name on the disk."""
    return escape(raw.decode("utf-8", "surrogateescape"))


def escape(text: str) -> str:
    """Return the same for a name as Python spells it, with U+DC80..DCFF for odd bytes."""
    if not _SPECIAL_ON_DISK.search(text):
        return text
    ending = _TRAILING.get(text[-1])
    if ending is None:
        return text.translate(_TO_WIRE)
    return text[:-1].translate(_TO_WIRE) + ending


def unescape(component: str) -> str:
    """Return the name that a spelling on the wire stands for, as Python spells it.

    `escape` leads back to the spelling, if that is one of `escape`'s own. The result of any other
    may hold or be anything that a name on a disk may not, but for NUL and ``/``.
    """
    if not _SPECIAL_ON_WIRE.search(component):
        return component
    name = component.translate(_TO_DISK)
    try:
        # Bytes that are a character together, one of the ranges itself, are that character in
        # Python, as `os.listdir` returns it.
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return name


def fold(component: str) -> str:
    """Return what two names have in common that differ by nothing but case.

    Characters are upper-cased one by one, as Windows does it: none becomes two (``ß`` stays),
    and none from beyond the basic plane is touched.
    """
    if component.isascii():
        return component.upper()
    return component.translate(_upper_case())


@cache
def _upper_case() -> str:
    # A string is the fastest table that `translate` takes; what lies past its end stays as it is.
    return "".join(_simple_upper(chr(code)) for code in range(0x10000))


def _simple_upper(char: str) -> str:
    upper = char.upper()
    # Neither may a foreign letter become ASCII (dotless i, long s), nor one letter into two.
    if len(upper) != 1 or (upper.isascii() and not char.isascii()):
        return char
    return upper
