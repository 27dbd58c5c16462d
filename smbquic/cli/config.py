"""`smbquic config`: show the profiles of the client, and where the value of each option is from."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from smbquic.cli.client import URL, Client, client_command, config_file, profile_of
from smbquic.cli.command import command_group
from smbquic.cli.output import emit, printable
from smbquic.client.url import SmbUrl
from smbquic.config.profiles import Profile, default_file, profile, profile_names
from smbquic.errors import ConfigError
from smbquic.options.client import PasswordOptions, SessionOptions
from smbquic.options.model import Declared, declared

_SECRET = "(not shown)"  # noqa: S105  (what stands for one)


@command_group("config")
def group() -> None:
    """Show the profiles of the client, and its options."""


class Value(NamedTuple):
    """An option's value as text, and what it comes from."""

    name: str
    text: str
    source: str


@group.command("show")
@click.argument("url", type=URL, required=False)
@client_command
def show(client: Client, url: SmbUrl | None) -> None:
    """List the profiles, or show the options for one.

    \b
    smbquic config show            the profiles and their URLs
    smbquic config show fs:        each option, and where its value comes from

    The command line comes before the environment, then the profile, then the default.
    """
    if url is None:
        _list_profiles(client)
        return
    used = profile_of(url)
    values = list(_values(client, used))
    if client.as_json:
        emit({"url": str(url), "options": [each._asdict() for each in values]})
        return
    click.echo(f"{printable(str(url))}")
    for each in values:
        click.echo(f"  {each.name} = {printable(each.text)}  ({each.source})")


def _list_profiles(client: Client) -> None:
    file = config_file()
    names = profile_names(file)
    path = default_file() if file is None else file
    found = {name: _url(name, file) for name in names}
    if client.as_json:
        emit({"file": str(path), "profiles": found})
        return
    click.echo(f"{path}:" if found else f"there are no profiles in {path}")
    for name, text in found.items():
        click.echo(f"  {name}:  {printable(text)}")


def _url(name: str, file: Path | None) -> str:
    """Return the URL of a profile, or what is wrong with the profile."""
    try:
        return str(profile(name, file).url)
    except ConfigError as error:
        return f"({error})"


def _values(client: Client, used: Profile | None) -> Iterator[Value]:
    given = {**vars(client.sources), **client.given}
    for name, each in {**declared(PasswordOptions), **declared(SessionOptions)}.items():
        if each.key is None:
            continue
        if name == "password":
            yield from _password(used)
            continue
        source = _command_line(name, each)
        if source:
            yield Value(each.key, _text(each, given[name]), source)
        elif used is not None and name in used.given:
            yield Value(each.key, _text(each, used.given[name]), _place(used, name))
        else:
            yield Value(each.key, each.default_text, "default")


def _password(used: Profile | None) -> Iterator[Value]:
    if "SMBQUIC_PASSWORD" in os.environ:
        yield Value("password", _SECRET, "environment SMBQUIC_PASSWORD")
    elif used is not None and "password" in used.given:
        yield Value("password", _SECRET, _place(used, "password"))
    else:
        yield Value("password", "none", "asked for where it is needed")


def _command_line(name: str, each: Declared) -> str:
    """Return whether a value is from the command line or the environment; empty if neither."""
    source = click.get_current_context().get_parameter_source(name)
    if source is ParameterSource.ENVIRONMENT:
        return f"environment {each.option.environment}"
    return "command line" if source is ParameterSource.COMMANDLINE else ""


def _place(used: Profile, name: str) -> str:
    return f"profile {used.name}, {used.file}:{used.lines[name]}"


def _text(each: Declared, value: Any) -> str:
    assert each.kind is not None
    return "none" if value is None else each.kind.shown(value)
