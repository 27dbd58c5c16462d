"""How values are read, checked and written."""

import re
from enum import Enum
from math import inf, nan
from pathlib import Path

import pytest

from smbquic.options.kinds import (
    Choice,
    Duration,
    FilePath,
    Hexadecimal,
    Kind,
    Names,
    Number,
    Permissions,
    Rate,
    StorageLocation,
    Switch,
    Text,
    Texts,
)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


COLOURS = Choice({"red": Colour.RED, "blue": Colour.BLUE})
NAMES = Names(choices=("a", "b"))


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        (Switch(), True, True),
        (Switch(on="always", off="never"), False, "never"),
        (Number(int), 7, 7),
        (Number(float), 7, 7.0),
        (Number(float), inf, inf),
        (Permissions(), "644", 0o644),
        (Permissions(), "0750", 0o750),
        (Permissions(), 0o777, 0o777),
        (Hexadecimal(), "C0ffee00", b"\xc0\xff\xee\0"),
        (Text(), "x", "x"),
        (Texts(), [], ()),
        (Texts(), ["x"], ("x",)),
        (NAMES, ["b", "a"], ("b", "a")),
        (COLOURS, "blue", Colour.BLUE),
        (FilePath(), "x", Path("x")),
        (StorageLocation(), "memory:", "memory:"),
        (FilePath(), "-", Path("-")),
        (FilePath("written"), "-", None),
    ],
)
def test_values_of_the_file_are_read(kind: Kind, written: object, value: object) -> None:
    found = kind.read(written)
    assert (found, type(found)) == (value, type(value))
    kind.check(found)


@pytest.mark.parametrize(
    ("kind", "written", "remedy"),
    [
        (Switch(), 1, "1 has the wrong type: write true or false"),
        (Number(int), True, "write a whole number"),
        (Number(int), 1.5, "write a whole number"),
        (Number(int, "bytes"), "7", "write a whole number of bytes"),
        (Number(float, "seconds"), "7", "write a number of seconds"),
        (Number(int), -1, "-1 is out of range; write a number of at least 0"),
        (Number(float), nan, "write a number of at least 0"),
        (Number(int, minimum=2, maximum=4), 5, "write a number from 2 to 4"),
        *((Permissions(), each, "write octal digits") for each in ("999", "1777", "7", -1, 512)),
        (Permissions(), True, "write octal digits"),
        *((Hexadecimal(), each, "write hexadecimal digits") for each in ("", "abc", "0x12", 7)),
        (Text(), 7, "write a string in quotes"),
        (Texts(), "x", "write a list of strings"),
        (Texts(), [1], "every element must be a string"),
        (NAMES, ["c"], "'c' is not one of a, b"),
        (NAMES, [], "write one or more of a, b"),
        (COLOURS, "green", "'green' is not one of red, blue"),
        (COLOURS, 7, 'write one of "red", "blue"'),
        (FilePath(), 7, "write the path of a file"),
        (StorageLocation(), [], "write the path of a folder, or SCHEME:REST"),
    ],
)
def test_mistakes_are_answered_with_what_to_write(kind: Kind, written: object, remedy: str) -> None:
    with pytest.raises(ValueError, match=re.escape(remedy)):
        kind.read(written)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Switch(), "yes"),
        (Switch(Colour.RED, Colour.BLUE), True),
        (COLOURS, "red"),
        (Texts(), "abc"),
        (Texts(), 7),
        (NAMES, ("a", "c")),
        (NAMES, ()),
        (FilePath(), 7),
        (FilePath(), None),
        (Hexadecimal(), "c0ffee"),
    ],
)
def test_the_program_may_be_mistaken_too(kind: Kind, value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        kind.check(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Names(choices="a", may_be_empty=True), ()),
        (NAMES, ["a"]),
        (FilePath(), "x"),
        (FilePath(), Path("x")),
        (StorageLocation(), "memory:"),
        (StorageLocation(), Path("x")),
        (FilePath("written"), None),
    ],
)
def test_what_the_program_may_give(kind: Kind, value: object) -> None:
    kind.check(value)


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (Switch(), False, "false"),
        (Switch(Colour.RED, Colour.BLUE), Colour.RED, "true"),
        (Number(float), 10.0, "10.0"),
        (Permissions(), 0o40, '"040"'),
        (Hexadecimal(), b"\xc0\1", '"c001"'),
        (Text(), "x", '"x"'),
        (Texts(), (), "[]"),
        (Texts(), ("x", "y"), '["x", "y"]'),
        (COLOURS, Colour.BLUE, '"blue"'),
    ],
)
def test_values_are_shown_as_the_file_has_them(kind: Kind, value: object, shown: str) -> None:
    assert kind.shown(value) == shown


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2s", 2.0), ("100ms", 0.1), ("1m30s", 90.0), ("1.5h", 5400.0), ("7", 7.0), (3, 3.0)],
)
def test_durations(text: object, seconds: float) -> None:
    assert Duration().read(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "2x", "-1s", "1s ", -1, True, None])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="write a number of seconds"):
        Duration().read(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10M", 10 << 20),
        ("512k", 512 << 10),
        ("100", 100 << 10),
        (100, 100 << 10),
        ("1.5G", 3 << 29),
        ("7b", 7),
        ("2MiB", 2 << 20),
        ("off", None),
        ("0", None),
    ],
)
def test_rates(text: object, rate: float | None) -> None:
    assert Rate().read(text) == rate


@pytest.mark.parametrize("text", ["", "M", "10x", "-1", True])
def test_what_is_no_rate(text: object) -> None:
    with pytest.raises(ValueError, match="10M"):
        Rate().read(text)
    with pytest.raises(ValueError, match="10M"):
        Rate().check(0)


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (Switch(), {"type": "boolean"}),
        (Number(int), {"type": "integer", "minimum": 0}),
        (Number(float, "", 1, 2), {"type": "number", "minimum": 1, "maximum": 2}),
        (Duration(), {"type": ["number", "string"]}),
        (Rate(), {"type": ["number", "string"]}),
        (Permissions(), {"type": "string", "pattern": "^0?[0-7]{3}$"}),
        (Hexadecimal(), {"type": "string", "pattern": "^([0-9a-fA-F]{2})+$"}),
        (Text(), {"type": "string"}),
        (FilePath(), {"type": "string"}),
        (StorageLocation(), {"type": "string"}),
        (Choice({"a": 1, "b": 2}), {"enum": ["a", "b"]}),
        (Texts(), {"type": "array", "items": {"type": "string"}}),
        (Names(choices=("a",)), {"type": "array", "items": {"enum": ["a"]}, "minItems": 1}),
    ],
)
def test_json_schemas(kind: Kind, schema: dict[str, object]) -> None:
    assert kind.schema == schema
