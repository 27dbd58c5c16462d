"""The verbs that are about the shell itself."""

from collections.abc import Awaitable, Callable

from smbquic.cli.output import visible
from smbquic.cli.shell.state import Shell
from smbquic.cli.shell.verb import VerbError

ON, OFF = "on", "off"
_LONGEST_TIMEOUT = 86_400.0


def switch(name: str) -> Callable[..., Awaitable[None]]:
    """Return the function of a verb that switches a setting on or off."""

    async def set_or_toggle(shell: Shell, value: str | None = None) -> None:
        is_on = not getattr(shell.settings, name) if value is None else value.lower() == ON
        setattr(shell.settings, name, is_on)
        await shell.show({name: is_on}, f"{name} is {ON if is_on else OFF}")

    return set_or_toggle


async def mask(shell: Shell, mask: str | None = None) -> None:
    """Set the mask that files of mget and mput have to match."""
    if mask is not None:
        shell.settings.mask = mask or "*"
    await shell.show({"mask": shell.settings.mask}, f"mask is {visible(shell.settings.mask)}")


async def timeout(shell: Shell, seconds: str) -> None:
    """Set how long a server may take to answer."""
    try:
        value = float(seconds)
    except ValueError:
        value = 0.0
    if not 0 < value <= _LONGEST_TIMEOUT:
        raise VerbError(f"{seconds!r} is no number of seconds between 0 and {_LONGEST_TIMEOUT:g}")
    shell.settings.timeout = value
    await shell.show({"timeout": value}, f"timeout is {value:g} seconds")


async def show_help(shell: Shell, verb: str | None = None) -> None:
    """List the commands, or describe one."""
    if verb is None:
        lines = shell.verbs.table()
    else:
        found = shell.verbs.find(verb)
        lines = [found.synopsis, f"    {found.help}"]
    for line in lines:
        await shell.output.line(line)


async def show_history(shell: Shell) -> None:
    """List the lines that were typed."""
    for number, line in enumerate(shell.history.lines, 1):
        await shell.output.line(f"{number:5}  {visible(line)}")


async def leave(shell: Shell) -> None:
    """End the shell."""
    shell.ended = True
