"""What SIGHUP does: configuration and certificates are read again, and audit files reopened."""

from collections.abc import Callable, Iterable
from pathlib import Path

import click

from smbquic import config
from smbquic.cli.output import emit, warn
from smbquic.errors import SmbError
from smbquic.observe.audit import RotatingFile, Sink


def reload(
    config_file: Path | None,
    sinks: Iterable[Sink | None],
    use: Callable[[config.Configuration | None], None],
    *,
    what: str,
    as_json: bool,
) -> None:
    """Read the configuration file again and call `use` with it; a wrong one changes nothing.

    The messages call what is reloaded `what`. Reopen the audit files of `sinks` too, as another
    program may have moved them away.
    """
    for sink in sinks:
        if not isinstance(sink, RotatingFile):
            continue
        try:
            sink.reopen()
        except OSError as error:
            warn(f"{error.filename}: not reopened, the former file goes on: {error.strerror}")
    try:
        use(config.load(config_file) if config_file else None)
    except (SmbError, OSError, ValueError) as error:
        warn(f"not reloaded, the former {what} stay: {error}")
        if as_json:
            emit({"event": "reload-refused", "reason": str(error)})
        return
    if as_json:
        emit({"event": "reloaded"})
    else:
        click.echo(f"reloaded {what}")
