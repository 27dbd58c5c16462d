"""Declares an option once, as a field of a dataclass, with everything about it.

    @dataclass(frozen=True, kw_only=True)
    class ExampleOptions(Options):
        congestion: Annotated[Congestion, Option("Congestion control over QUIC.")] = "cubic"

From the field's name, type, default and `Option` everything else is made: the keyword of
`smbquic.connect` and `serve`, the option of the command line (``--congestion``) and its help, the
key of the configuration file (``congestion``), the reference pages, and the error for a wrong
value. docs/decisions/0032-one-model-of-options.md
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from enum import Enum
from functools import cache
from math import inf
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from smbquic.lazy_dataclass import dataclass
from smbquic.options.kinds import Choice, FilePath, Kind, Names, Number, Switch, Text, Texts

_NUMBERS = {int: int, float: float}


@dataclass(frozen=True, slots=True)
class Option:
    """The properties of an option besides its name, type and default.

    `text` is its documentation. Its first paragraph is what ``--help`` shows, unless `help` is
    given; the reference pages show all of it. `unit` is the unit of a number, which is between
    `minimum` and `maximum`. `choices` are the names that a list may have, or the values of a choice
    by their names. `default` describes the default where its value does not say enough.

    `flag` is its name on the command line, and `short` a letter for it; without a flag it is not
    there. `key` is its name in the
    configuration file, by default the field's; with None it is not there.
    `heading` is the section of ``--help`` that it is in, `metavar` what stands for its value there.
    `environment` is a variable that may have the value. With `adds`, a list of the command line is
    added to that of the configuration file. `on` is the value that a flag without a value, or a key
    that is true, stands for.
    """

    text: str
    unit: str = ""
    minimum: float = 0
    maximum: float = inf
    choices: Collection[str] | Mapping[str, object] = ()
    kind: Kind | None = None
    default: str = ""
    help: str = ""
    flag: str = ""
    short: str = ""
    key: str | None = ""
    heading: str = ""
    metavar: str = ""
    environment: str = ""
    adds: bool = False
    on: object = None


@dataclass(frozen=True, slots=True)
class Declared:
    """An option as it was declared. `kind` is None for a value that only a program can give."""

    name: str
    default: Any
    option: Option
    kind: Kind | None

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is MISSING

    @property
    def text(self) -> str:
        """The documentation, in one line."""
        return " ".join(self.option.text.split())

    @property
    def help(self) -> str:
        """The text of ``--help``: the first paragraph of the documentation."""
        return " ".join((self.option.help or self.option.text.partition("\n\n")[0]).split())

    @property
    def key(self) -> str | None:
        """The name in the configuration file; None for an option that is not there."""
        if self.option.key is None or self.kind is None:
            return None
        return self.option.key or self.name

    @property
    def default_text(self) -> str:
        """The default as the configuration file would have it."""
        if self.option.default:
            return self.option.default
        if self.default is None or self.kind is None:
            return "none"
        return self.kind.shown(self.default)

    def check(self, value: object) -> None:
        """Raise ValueError, with the option's name, for a value that it cannot have."""
        if self.kind is None or (value is None and self.default is None):
            return
        try:
            self.kind.check(value)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None


class Options:
    """A group of options. Raises ValueError, with the option's name, for a wrong value."""

    def __post_init__(self) -> None:
        """Check every value."""
        for name, each in declared(type(self)).items():
            each.check(getattr(self, name))


def declared(options: type) -> Mapping[str, Declared]:
    """Return the options that a dataclass and its bases declare, by name."""
    return _all_declared(options)


def values_of(options: Any, group: type) -> dict[str, Any]:
    """Return the values of the options of one group, which is a base of the object's class."""
    return {field.name: getattr(options, field.name) for field in fields(group)}


@cache
def _all_declared(options: Any) -> Mapping[str, Declared]:
    found = (_declared(field) for field in fields(options))
    return {each.name: each for each in found if each is not None}


def _declared(field: Field[Any]) -> Declared | None:
    annotation: Any = field.type
    if get_origin(annotation) is not Annotated:
        return None
    kind, *metadata = get_args(annotation)
    option = next((each for each in metadata if isinstance(each, Option)), None)
    if option is None:
        return None
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    return Declared(field.name, default, option, _kind_of(kind, default, option))


def _kind_of(annotation: Any, default: Any, option: Option) -> Kind | None:
    """Return the kind of the values of an annotation."""
    if option.kind is not None:
        return option.kind
    if option.on is not None:
        return Switch(option.on, default)
    if isinstance(option.choices, Mapping) and get_origin(annotation) is not Sequence:
        return Choice(option.choices)
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        members = [each for each in get_args(annotation) if each is not NoneType]
        if Path in members:
            return FilePath()
        return _kind_of(members[0], default, option) if len(members) == 1 else None
    if origin is Literal:
        return Choice({name: name for name in get_args(annotation)})
    if origin is not None:
        if get_args(annotation)[:1] != (str,):
            return None
        if not option.choices:
            return Texts()
        return Names(choices=option.choices, may_be_empty=not default)
    return _plain_kind(annotation, option)


def _plain_kind(annotation: Any, option: Option) -> Kind | None:
    if not isinstance(annotation, type):
        return None
    if annotation is bool:
        return Switch()
    if annotation in _NUMBERS:
        return Number(_NUMBERS[annotation], option.unit, option.minimum, option.maximum)
    if annotation is str:
        return Text()
    if issubclass(annotation, Path):
        return FilePath()
    if issubclass(annotation, Enum):
        return Choice({str(each.value): each for each in annotation})
    return None
