"""The declarations of the options, and the errors for wrong values."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from smbquic.options.acme import AcmeOptions
from smbquic.options.audit import AuditOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.client import SessionOptions, TransportOptions
from smbquic.options.kinds import Choice, FilePath, Names, Number, Switch, Text, Texts
from smbquic.options.limits import Limits
from smbquic.options.model import Option, Options, declared, values_of
from smbquic.options.quic import EngineOptions
from smbquic.options.server import ProgramOptions
from smbquic.options.share import ShareFolder
from tests.imported import ENGINES, imported

EVERY = (
    *(SessionOptions, ProgramOptions, IdentityFiles, AcmeOptions),
    *(ShareFolder, Limits, AuditOptions),
)


@dataclass(frozen=True, kw_only=True)
class Base(Options):
    """Some."""

    place: Annotated[Path, Option("Where.", flag="--place")]


@dataclass(frozen=True, kw_only=True)
class More(Base):
    """And others."""

    patience: Annotated[float, Option("How long.\n\nNot for ever.", unit="seconds", key="p")] = 7.0
    colour: Annotated[Literal["red", "blue"], Option("Which.", default="the nicest")] = "red"
    names: Annotated[Sequence[str], Option("Whose.")] = ()
    some: Annotated[tuple[str, ...] | None, Option("Of\na few.", choices=("a", "b"))] = None
    loud: Annotated[bool | None, Option("Whether.", key=None)] = None
    size: Annotated[int | None, Option("How much.", help="How large.")] = None
    text: Annotated[str, Option("What.")] = ""
    policy: Annotated[str, Option("How.", on="always")] = "never"
    version: Annotated[int, Option("Which.", choices={"one": 1, "two": 2})] = 2
    object: Annotated[Sequence[int] | None, Option("Only a program has one.")] = None
    ours: int = 3


OPTIONS = declared(More)


def test_the_type_says_the_kind() -> None:
    assert {name: each.kind for name, each in OPTIONS.items()} == {
        "place": FilePath(),
        "patience": Number(float, "seconds"),
        "colour": Choice({"red": "red", "blue": "blue"}),
        "names": Texts(),
        "some": Names(choices=("a", "b"), may_be_empty=True),
        "loud": Switch(),
        "size": Number(int),
        "text": Text(),
        "policy": Switch("always", "never"),
        "version": Choice({"one": 1, "two": 2}),
        "object": None,
    }


def test_what_is_said_of_an_option_is_there() -> None:
    patience, place = OPTIONS["patience"], OPTIONS["place"]
    assert (patience.help, patience.text) == ("How long.", "How long. Not for ever.")
    assert (patience.key, patience.default, patience.default_text) == ("p", 7.0, "7.0")
    assert (place.key, place.required, patience.required) == ("place", True, False)
    assert OPTIONS["colour"].default_text == "the nicest"
    assert OPTIONS["some"].help == "Of a few."
    assert OPTIONS["size"].help == "How large."
    assert OPTIONS["size"].default_text == "none"
    assert (OPTIONS["loud"].key, OPTIONS["object"].key) == (None, None)


def test_the_values_of_a_group_can_be_handed_on() -> None:
    more = More(place=Path("x"), size=3)
    assert values_of(more, Base) == {"place": Path("x")}
    assert Base(**values_of(more, Base)) == Base(place=Path("x"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"place": 7}, "place: 7 has the wrong type: write the path of a file, in quotes"),
        ({"patience": -1}, "patience: -1 is out of range; write a number of at least 0"),
        ({"patience": None}, "patience: None has the wrong type: write a number of seconds"),
        ({"colour": "green"}, "colour: 'green' is not one of red, blue"),
        ({"some": ["c"]}, "some: 'c' is not one of a, b"),
        ({"size": 1.5}, "size: 1.5 has the wrong type: write a whole number"),
    ],
)
def test_a_wrong_value_is_refused_by_name(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=r"^" + words + "$"):
        More(**{"place": Path(), **given})


def test_a_subclass_can_go_wherever_its_group_is_wanted() -> None:
    assert issubclass(SessionOptions, TransportOptions)
    assert issubclass(ProgramOptions, EngineOptions)


@pytest.mark.parametrize("options", EVERY)
def test_every_option_is_documented(options: type) -> None:
    assert options.__doc__
    for name, each in declared(options).items():
        assert each.text.endswith("."), name
        if name not in ("tickets", "limits", "connection_ids", "web", "traces"):
            assert each.kind is not None


@pytest.mark.parametrize("options", EVERY)
def test_the_defaults_are_values_that_may_be_given(options: type) -> None:
    for each in declared(options).values():
        if not each.required:
            each.check(each.default)


def test_the_declarations_need_neither_an_engine_nor_cryptography() -> None:
    modules = imported("import smbquic.options.client, smbquic.options.server")
    packages = {name.partition(".")[0] for name in modules}
    assert packages.isdisjoint((*ENGINES, "cryptography", "asyncio", "click"))
