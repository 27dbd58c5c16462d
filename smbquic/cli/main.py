"""The program `smbquic`: its commands, and the one place where an error becomes an exit code."""

import contextlib
import errno
import sys

import click

from smbquic.cli import (
    access,
    demo,
    files,
    listing,
    ping,
    pki,
    probe,
    relay,
    serve,
    status,
    transfers,
    user,
)
from smbquic.cli.command import command_group
from smbquic.cli.failure import ExitCode, describe, exit_code
from smbquic.cli.loop import Terminated
from smbquic.cli.output import StandardOutput, occupy_standard_descriptors, warn
from smbquic.config.reader import closest
from smbquic.errors import SmbError


@command_group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="smbquic")
def cli() -> None:
    """SMB 3.1.1 over QUIC: a file server, a client and a relay in user space.

    \b
    smbquic demo                                 see it work on this machine
    smbquic serve . --guest                      share this folder
    smbquic ls smb+quic://alice@fs.example/data
    """


for module in (
    demo,
    serve,
    relay,
    listing,
    transfers,
    files,
    ping,
    probe,
    status,
    pki,
    access,
    user,
):
    for each in module.COMMANDS:
        cli.add_command(each)


def main(arguments: list[str] | None = None) -> int:
    """Run one command line; the exit code. Never raises."""
    try:
        result = cli.main(arguments, prog_name="smbquic", standalone_mode=False)
        return result if isinstance(result, int) else ExitCode.DONE
    except click.exceptions.Abort:
        warn("interrupted")
        return ExitCode.INTERRUPTED
    except Terminated as error:
        warn(str(error))
        return error.exit_code
    except click.UsageError as error:
        _show(error)
        return error.exit_code
    except click.ClickException as error:
        warn(error.format_message())
        return error.exit_code
    except SystemExit:
        # How click ends where nobody reads standard output any more (EPIPE).
        return ExitCode.PARTLY
    except (SmbError, OSError) as error:
        warn(describe(error))
        return exit_code(error)


def _show(error: click.UsageError) -> None:
    """Say what is wrong with the command line, and what was meant only if that is clear."""
    guesses: list[str] | None = getattr(error, "possibilities", None)
    if guesses:
        given = getattr(error, "option_name", None) or getattr(error, "command_name", None)
        by_word = {guess.lstrip("-"): guess for guess in guesses}
        guesses[:] = [by_word[word] for word in closest(str(given).lstrip("-"), by_word)]
    with contextlib.suppress(OSError):
        error.show()


def run() -> None:
    """The console script."""
    if sys.platform == "win32":
        sys.exit(main())
    occupy_standard_descriptors()
    output = StandardOutput.install()
    code = main()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    if output.failure is not None and code == ExitCode.DONE:
        # What was left until now, or what somebody took for the failure of one file.
        code = ExitCode.PARTLY
        if output.failure.errno != errno.EPIPE:
            warn(describe(output.failure))
    sys.exit(code)
