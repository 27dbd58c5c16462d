"""Base classes of all commands: -v is taken anywhere, and ``--help`` groups the options."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import click

from smbquic.cli import logs
from smbquic.options.headings import (
    CERTIFICATE,
    COMMON,
    CONNECTION,
    FILTERS,
    PROTOCOL,
    TLS,
    TRACES,
    WEB,
)

F = TypeVar("F", bound=Callable[..., Any])

OWN = "Options"
"""The heading of the options that a command shares with no other; they come first."""
NO_SPACE = "nospace"
"""The type of a completion that goes on: the shell adds no space to it."""

_HEADINGS = (OWN, FILTERS, CERTIFICATE, PROTOCOL, WEB, TRACES, COMMON, CONNECTION, TLS)


CONTEXT_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""Of every command, since click keeps a command's help option from its first use, which may be
without the group that it belongs to."""


class CliOption(click.Option):
    """An option that stands under a heading of its command's help."""

    def __init__(self, *arguments: Any, heading: str = OWN, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.heading = heading


def option(*names: str, heading: str = OWN, **attributes: Any) -> Callable[[F], F]:
    """Return a decorator that gives a command an option, under a heading of its help."""
    return click.option(*names, cls=CliOption, heading=heading, **attributes)


common_option = partial(option, heading=COMMON)
json_option = common_option(
    "--json", "as_json", is_flag=True, help="Print JSON: one document, or a line for each event."
)


def _more_verbose(context: click.Context, parameter: click.Parameter, count: int) -> None:
    """Count the -v of the program and of its command, and configure the log by their sum."""
    # The contexts of the program and of the command have the same `meta`.
    before: int | None = context.meta.get(__name__)
    if before is None or count:
        context.meta[__name__] = (before or 0) + count
        logs.configure(context.meta[__name__], again=before is not None)


def verbosity() -> int:
    """Return how many -v the program and its command were given."""
    context = click.get_current_context(silent=True)
    count: int = context.meta.get(__name__, 0) if context is not None else 0
    return count


def _verbose_option() -> CliOption:
    return CliOption(
        ["-v", "--verbose"],
        heading=COMMON,
        count=True,
        is_eager=True,
        expose_value=False,
        callback=_more_verbose,
        help="Say more, with the time; twice for every detail.",
    )


def sections(command: click.Command, context: click.Context) -> dict[str, list[tuple[str, str]]]:
    """Return a command's options with their help, by heading, in the order of ``--help``."""
    found: dict[str, list[tuple[str, str]]] = {heading: [] for heading in _HEADINGS}
    of_click = command.get_help_option(context)
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or not isinstance(parameter, click.Option):
            continue
        heading = parameter.heading if isinstance(parameter, CliOption) else OWN
        found[COMMON if parameter is of_click else heading].append(record)
    return {heading: records for heading, records in found.items() if records}


def _write_options(
    command: click.Command, context: click.Context, formatter: click.HelpFormatter
) -> None:
    for heading, records in sections(command, context).items():
        with formatter.section(heading):
            formatter.write_dl(records)


class CliCommand(click.Command):
    """A command with -v, whose options stand under headings."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **{"context_settings": CONTEXT_SETTINGS, **attributes})
        self.params.append(_verbose_option())

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, a section for each heading."""
        _write_options(self, ctx, formatter)


class CliGroup(click.Group):
    """A group of such commands."""

    command_class = CliCommand
    group_class = type

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **{"context_settings": CONTEXT_SETTINGS, **attributes})
        self.params.append(_verbose_option())

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options as a command does, then the commands."""
        _write_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)


def command(name: str) -> Callable[[Callable[..., Any]], CliCommand]:
    """Make a command of a function."""
    return click.command(name, cls=CliCommand)


def command_group(
    name: str | None = None, **attributes: Any
) -> Callable[[Callable[..., Any]], CliGroup]:
    """Make a group of commands of a function."""
    return click.group(name, cls=CliGroup, **attributes)
