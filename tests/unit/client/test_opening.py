import pytest

from smbquic.client.opening import FileMode
from smbquic.wire.create import CreateDisposition

OPEN, OVERWRITE = CreateDisposition.FILE_OPEN, CreateDisposition.FILE_OVERWRITE_IF
CREATE, OPEN_IF = CreateDisposition.FILE_CREATE, CreateDisposition.FILE_OPEN_IF


@pytest.mark.parametrize(
    ("mode", "reads", "writes", "disposition", "append", "text"),
    [
        ("r", True, False, OPEN, False, True),
        ("rt", True, False, OPEN, False, True),
        ("rb", True, False, OPEN, False, False),
        ("r+b", True, True, OPEN, False, False),
        ("rb+", True, True, OPEN, False, False),
        ("+br", True, True, OPEN, False, False),
        ("w", False, True, OVERWRITE, False, True),
        ("wb", False, True, OVERWRITE, False, False),
        ("w+", True, True, OVERWRITE, False, True),
        ("xb", False, True, CREATE, False, False),
        ("ab", False, True, OPEN_IF, True, False),
        ("at", False, True, OPEN_IF, True, True),
        ("a+b", True, True, OPEN_IF, True, False),
    ],
)
def test_modes(
    mode: str,
    reads: bool,
    writes: bool,
    disposition: CreateDisposition,
    append: bool,
    text: bool,
) -> None:
    parsed = FileMode.parse(mode)
    assert (parsed.readable, parsed.writable) == (reads, writes)
    assert parsed.access & 0x80  # the size can be asked for whatever the mode
    assert (parsed.disposition, parsed.append, parsed.text) == (disposition, append, text)


@pytest.mark.parametrize("mode", ["", "w b", "rw", "b", "r++", "bbr", "rbt", "rU", "rr", "z"])
def test_modes_that_are_none(mode: str) -> None:
    with pytest.raises(ValueError, match="mode"):
        FileMode.parse(mode)
