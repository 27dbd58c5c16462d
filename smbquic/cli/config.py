"""`smbquic config`: show the values of options, and where each is from."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from smbquic.cli.client import URL, Client, client_command, config_file, profile_of
from smbquic.cli.command import command_group, json_option, option
from smbquic.cli.output import emit, printable, warn
from smbquic.client.url import SmbUrl
from smbquic.config.positions import Place
from smbquic.config.profile import ClientProfile, default_file
from smbquic.config.profiles import profile, profile_names
from smbquic.config.section import Section
from smbquic.errors import ConfigError
from smbquic.options.client import PasswordOptions, SessionOptions
from smbquic.options.model import Declared, declared

_SECRET = "(not shown)"  # noqa: S105  (what stands for one)


@command_group("config")
def group() -> None:
    """Show the options of the client and of a server, and where they come from."""


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
    click.echo(printable(str(url)))
    _print(values)


def _print(values: Iterable[Value]) -> None:
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


def _values(client: Client, used: ClientProfile | None) -> Iterator[Value]:
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


def _password(used: ClientProfile | None) -> Iterator[Value]:
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


@group.command("check")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def check(file: Path, *, as_json: bool) -> None:
    """Check the configuration file of a server, and show all options.

    \b
    smbquic config check smbquic.toml

    Nothing is started. The files that it names are read as well. An error names the line, and
    what to do.
    """
    sections = dict(_server(file))
    if as_json:
        options = {name: [each._asdict() for each in values] for name, values in sections.items()}
        emit({"file": str(file), "options": options})
        return
    for name, values in sections.items():
        click.echo(f"[{printable(name)}]" if name else printable(str(file)))
        _print(values)


@group.command("schema")
@option("--client", is_flag=True, help="The schema of the client's file, with its profiles.")
def print_schema(*, client: bool) -> None:
    """Print the JSON schema of the server's file, for editors.

    \b
    smbquic config schema > smbquic.schema.json

    Editors with Taplo (Even Better TOML) use it if the file begins with this line:

    \b
    #:schema ./smbquic.schema.json
    """
    from smbquic.config.json_schema import client_schema, server_schema

    found = client_schema() if client else server_schema()
    click.echo(json.dumps(found, indent=2))


def _server(file: Path) -> Iterator[tuple[str, list[Value]]]:
    """Return the values of a server's file, by its tables. Raises `ConfigError`."""
    from smbquic.config import schema
    from smbquic.config.contents import check_contents
    from smbquic.config.document import Document
    from smbquic.config.reader import load

    loaded, document = load(file), Document.load(file)
    for warning in check_contents(file, loaded):
        warn(warning)

    def values(section: Section, place: Place, options: object, table: Mapping[str, Any]) -> Any:
        return [
            Value(
                key,
                _text(each, getattr(options, each.name), str(table.get(key, "none"))),
                f"line {document.line((*place, key))}" if key in table else "default",
            )
            for key, each in section.keys.items()
        ]

    content = document.content
    yield "", values(schema.TOP, (), loaded, content)
    for section, options in (
        (schema.CONNECTION_IDS, loaded.connection_ids),
        (schema.LIMITS, loaded.limits),
        (schema.WEB, loaded.web),
        (schema.TRACES, loaded.traces),
        (schema.AUDIT, loaded.audit),
        (schema.ACME, loaded.acme),
    ):
        if options is not None:
            table = content.get(section.name, {})
            yield section.name, values(section, (section.name,), options, table)
    if users := content.get("users"):
        yield (
            "users",
            [Value(name, _SECRET, f"line {document.line(('users', name))}") for name in users],
        )
    for share in loaded.shares:
        table = content["shares"][share.name]
        yield f"shares.{share.name}", values(schema.SHARES, ("shares", share.name), share, table)
    gateway = content.get("gateway", {})
    if gateway:
        yield "gateway", values(schema.GATEWAY, ("gateway",), loaded.backends, gateway)
    for pool in loaded.pools:
        table = gateway["pools"][pool.name]
        found = values(schema.POOLS, ("gateway", "pools", pool.name), pool, table)
        yield f"gateway.pools.{pool.name}", found
    tables = content.get("certificate", [])
    for number, certificate in enumerate(loaded.certificates):
        table = tables[number] if number < len(tables) else {}
        found = values(schema.CERTIFICATE, ("certificate", number), certificate, table)
        yield f"certificate {number + 1}", found


def _place(used: ClientProfile, name: str) -> str:
    return f"profile {used.name}, {used.file}:{used.lines[name]}"


def _text(each: Declared, value: Any, none: str = "none") -> str:
    """Return a value as the file has it; `none` stands for None."""
    assert each.kind is not None
    return none if value is None else each.kind.shown(value)
