"""Completion of lines of the shell."""

import pytest

from smbquic.cli.shell.completion import replacements


@pytest.mark.parametrize(
    ("names", "last", "part", "quoted", "found"),
    [
        ([("report", False)], "re", "re", False, ["report "]),
        ([("reports", True)], "re", "re", False, ["reports/"]),
        ([("two words", False)], "t", "t", False, ['"two words" ']),
        ([("two words", True)], "t", "t", False, ['"two words/']),
        ([("two words", False), ("ten", False)], "t", "t", False, ['"ten" ', '"two words" ']),
        ([("two words", False)], "two w", "w", True, ['words" ']),
        ([('a"b', False)], "a", "a", True, ['a""b" ']),
        ([("Report", False)], "re", "re", False, ["Report "]),
        ([("two words", False)], "t", '"t', True, ['"two words" ']),
        ([("two", False), ("ten", False)], "", '"', True, ['"ten" ', '"two" ']),
        ([("two", True)], "t", '"t', True, ['"two/']),
        ([("two words", False)], "two w", 'w"', False, []),
        ([("two", False)], "tw", '"t"w', False, ["two "]),
    ],
)
def test_names_as_they_are_typed(
    names: list[tuple[str, bool]], last: str, part: str, quoted: bool, found: list[str]
) -> None:
    assert replacements(names, last, part, quoted=quoted) == found
