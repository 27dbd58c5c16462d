"""The program `smbquic`: its commands, and the one place where an error becomes an exit code."""

import logging
import sys

import click

from smbquic.cli import access, demo, files, listing, ping, pki, probe, relay, serve, status, user
from smbquic.cli.failure import ExitCode, describe, exit_code
from smbquic.cli.output import warn
from smbquic.errors import SmbError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="smbquic")
@click.option("-v", "--verbose", count=True, help="Say more; twice for every detail.")
def cli(verbose: int) -> None:
    """SMB 3.1.1 over QUIC: a file server, a client and a relay in user space.

    \b
    smbquic demo                                   see it work on this machine
    smbquic serve --share data=/srv/data --user alice
    smbquic ls smb+quic://alice@fs.example/data
    """
    level = [logging.WARNING, logging.INFO, logging.DEBUG][min(verbose, 2)]
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # What the QUIC library warns about ends in an error of ours, which says what to do.
    logging.getLogger("quic").setLevel(logging.DEBUG if verbose > 1 else logging.ERROR)


for group in (demo, serve, relay, listing, files, ping, probe, status, pki, access, user):
    for command in group.COMMANDS:
        cli.add_command(command)


def main(arguments: list[str] | None = None) -> int:
    """Run one command line; the exit code. Never raises."""
    try:
        result = cli.main(arguments, prog_name="smbquic", standalone_mode=False)
        return result if isinstance(result, int) else ExitCode.DONE
    except click.exceptions.Abort:
        warn("interrupted")
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        if isinstance(error, click.UsageError):
            error.show()
        else:
            warn(error.format_message())
        return error.exit_code
    except (SmbError, OSError) as error:
        warn(describe(error))
        return exit_code(error)


def run() -> None:
    """The console script."""
    sys.exit(main())
