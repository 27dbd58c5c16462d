"""Tables by server name."""

import pytest

from smbquic.transport.server_names import find_by_name, normal_name

TABLE = {"fs.example": 1, "*.example": 2, "localhost": 3}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("fs.example", 1),
        ("FS.Example.", 1),
        ("other.example", 2),
        ("a.b.example", None),
        ("example", None),
        ("localhost", 3),
        ("", None),
    ],
)
def test_a_name_is_found_by_itself_or_without_its_first_label(name: str, found: int | None) -> None:
    assert find_by_name(TABLE, name) == found


def test_a_name_of_one_label_is_not_any_name() -> None:
    assert find_by_name({"*.example": 1, "*": 2}, "a.example") == 1
    assert find_by_name({"*.": 1}, "a.") is None


def test_keys_are_in_lower_case_and_without_a_last_dot() -> None:
    assert normal_name("FS.Example.") == "fs.example"
