"""Names of files that are not whole yet."""

import pytest

from smbquic.storage.passing import is_passing, passing_name


def test_they_are_fresh_and_short() -> None:
    first, second = passing_name(), passing_name()

    assert first != second
    assert is_passing(first)
    assert is_passing(second)
    assert len(first) < 40


@pytest.mark.parametrize(
    "name",
    [
        "",
        "report.pdf",
        ".smbquic-.part",
        ".smbquic-0123456789abcde.part",
        ".smbquic-0123456789abcdefg.part",
        ".smbquic-0123456789ABCDEF.part",
        ".smbquic-0123456789abcdef.part.bak",
        ".smbquic-0123456789abcdef.part\n",
        "x.smbquic-0123456789abcdef.part",
        r"a\.smbquic-0123456789abcdef.part",
    ],
)
def test_others_are_somebodys(name: str) -> None:
    assert not is_passing(name)
