"""Makes click options of the options in `smbquic.options`, and reads their values."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import wraps
from math import inf
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from smbquic.cli.command import OWN, option
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
    Switch,
    Texts,
)
from smbquic.options.model import Declared, declared

Given = Mapping[type, Mapping[str, Any]]
"""The values from the command line and the environment, by class of options and by name."""

Command = Callable[..., Any]


class NamesType(click.ParamType[tuple[str, ...]]):
    """One or more of the known names, separated by commas, the preferred one first."""

    name = "name,..."

    def __init__(self, known: Collection[str]) -> None:
        self._known = known

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """Split the text at commas; an unknown name is a usage error."""
        names = tuple(value.split(",")) if isinstance(value, str) else tuple(value)
        for name in names:
            if name not in self._known:
                self.fail(f"{name!r} is not one of {', '.join(self._known)}", param, ctx)
        return names


class KindType(click.ParamType[Any]):
    """A value that its kind reads from a text."""

    name = "value"

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the program's value; a text that is none is a usage error."""
        try:
            return self._kind.read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def takes(*groups: type, files_exist: bool = False) -> Callable[[Command], Command]:
    """Add the options of some classes to a command; it gets their values as the argument `given`.

    With `files_exist`, a file that does not exist is a usage error.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        @click.pass_context
        def with_given(context: click.Context, /, *arguments: Any, **values: Any) -> Any:
            given = {group: given_options(context, group) for group in groups}
            ours = {each.name for group in groups for each in _with_flags(group)}
            rest = {name: value for name, value in values.items() if name not in ours}
            return command(*arguments, given=given, **rest)

        decorated: Command = with_given
        for group in reversed(groups):
            for each in reversed(list(_with_flags(group))):
                decorated = _option(each, files_exist=files_exist)(decorated)
        return decorated

    return decorate


def _with_flags(group: type) -> Iterator[Declared]:
    return (each for each in declared(group).values() if each.option.flag)


def given_options(context: click.Context, group: type) -> dict[str, Any]:
    """Return the options of a class that a command was given; those with defaults are left out."""
    return {
        each.name: _value(each, context.params[each.name])
        for each in _with_flags(group)
        if context.get_parameter_source(each.name) is not ParameterSource.DEFAULT
    }


def _value(declared: Declared, value: Any) -> Any:
    """Return the program's value for one of the command line."""
    match declared.kind:
        case Switch() if not value:
            return declared.default
        case Switch(on, off):
            return off if declared.default == on else on
        case Choice(values):
            return values[value]
        case FilePath("written") if str(value) == "-":
            return None
    return value


def _option(declared: Declared, *, files_exist: bool) -> Callable[[Command], Command]:
    """Return the decorator of click for an option."""
    about, attributes = declared.option, _attributes(declared, files_exist=files_exist)
    if about.metavar:
        attributes["metavar"] = about.metavar
    if about.environment:
        attributes |= {"envvar": about.environment, "show_envvar": True}
    return option(
        *filter(None, (about.short, about.flag)),
        declared.name,
        heading=about.heading or OWN,
        help=_help(declared),
        show_default=about.default or True,
        **attributes,
    )


def _attributes(declared: Declared, *, files_exist: bool) -> dict[str, Any]:
    """Return the arguments with which click reads the values of an option."""
    default = None if declared.required else declared.default
    match declared.kind:
        case Switch():
            return {"is_flag": True, "default": False}
        case Number() as number:
            kind = _range(number)
            return {"type": kind, "default": default, "metavar": number.unit.upper() or None}
        case Rate() | Duration() | Permissions() | Hexadecimal() as kind:
            return {"type": KindType(kind), "default": default}
        case Choice() as choice:
            name = None if default is None else choice.name(default)
            return {"type": click.Choice(list(choice.values)), "default": name}
        case Names(choices=choices):
            return {"type": NamesType(choices), "default": ",".join(default or ()) or None}
        case Texts():
            return {"multiple": True, "default": default}
        case FilePath(use):
            exists = files_exist and use == "read"
            path = click.Path(
                path_type=Path, dir_okay=False, exists=exists, allow_dash=use == "written"
            )
            return {"type": path, "default": default}
    return {"default": default}


def _range(number: Number) -> click.ParamType[Any]:
    bounded = number.maximum != inf
    if number.type is int:
        return click.IntRange(int(number.minimum), int(number.maximum) if bounded else None)
    return click.FloatRange(number.minimum, number.maximum if bounded else None)


def _help(declared: Declared) -> str:
    match declared.kind:
        case Names(choices=choices):
            return f"{declared.help.removesuffix('.')}: some of {', '.join(choices)}."
        case Texts():
            return f"{declared.help} Repeatable."
    return declared.help
