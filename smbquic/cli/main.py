"""The program `smbquic`: its commands, and the exit code for each error."""

import contextlib
import errno
import gc
import os
import sys

import click

from smbquic.cli.failure import ExitCode, Terminated, describe, exit_code
from smbquic.cli.lazy import LazyCommand, LazyGroup
from smbquic.cli.output import (
    StandardOutput,
    finish_standard_error,
    occupy_standard_descriptors,
    warn,
)
from smbquic.errors import SmbError

_COMPLETE = "_SMBQUIC_COMPLETE"
"""Set by a shell that wants its command line to be completed."""

_COMMANDS = {
    "access": LazyCommand(
        "smbquic.cli.access:group", "Check which client certificates may connect."
    ),
    "cat": LazyCommand("smbquic.cli.cat:cat", "Write a file to standard output."),
    "completion": LazyCommand(
        "smbquic.cli.completion:completion", "Print the script that lets a shell complete commands."
    ),
    "config": LazyCommand(
        "smbquic.cli.config:group",
        "Show the options of the client and of a server, and where they come from.",
    ),
    "check": LazyCommand(
        "smbquic.cli.trees:check", "Compare the files of SOURCE and TARGET, and change nothing."
    ),
    "copy": LazyCommand(
        "smbquic.cli.trees:copy",
        "Copy the files of SOURCE that TARGET has not, or that differ there; delete nothing.",
    ),
    "cp": LazyCommand("smbquic.cli.transfers:cp", "Copy within a share."),
    "demo": LazyCommand(
        "smbquic.cli.demo:demo", "Try it out: a PKI, a server and a client on this machine."
    ),
    "find": LazyCommand("smbquic.cli.find:find", "List what is below a folder."),
    "gateway": LazyCommand(
        "smbquic.cli.gateway:gateway", "Put QUIC, certificates and audit in front of SMB servers."
    ),
    "get": LazyCommand("smbquic.cli.transfers:get", "Copy from a share to this machine."),
    "head": LazyCommand(
        "smbquic.cli.head_tail:head", "Write the beginning of a file to standard output."
    ),
    "ls": LazyCommand("smbquic.cli.listing:ls", "List a folder."),
    "mkdir": LazyCommand("smbquic.cli.files:mkdir", "Make folders."),
    "mount": LazyCommand(
        "smbquic.cli.mount:mount", "Mount a share, or a folder of one, until FOLDER is unmounted."
    ),
    "mv": LazyCommand("smbquic.cli.files:mv", "Rename or move within a share."),
    "ping": LazyCommand(
        "smbquic.cli.ping:ping", "Connect, show what was negotiated, and time some ECHO requests."
    ),
    "pki": LazyCommand("smbquic.cli.pki:group", "Make certificates for SMB over QUIC."),
    "probe": LazyCommand(
        "smbquic.cli.probe:probe_command",
        "Show which step of a connection fails, why, and what to do.",
    ),
    "put": LazyCommand("smbquic.cli.transfers:put", "Copy from this machine to a share."),
    "relay": LazyCommand(
        "smbquic.cli.relay:relay", "Carry local TCP connections to a server over QUIC."
    ),
    "reload": LazyCommand(
        "smbquic.cli.reload:reload",
        "Have running servers and gateways read their configuration files again.",
    ),
    "rm": LazyCommand("smbquic.cli.files:rm", "Delete files, or folders with -r."),
    "rmdir": LazyCommand("smbquic.cli.files:rmdir", "Delete empty folders."),
    "serve": LazyCommand(
        "smbquic.cli.serve:serve", "Share folders over QUIC, and over TCP where asked for."
    ),
    "shares": LazyCommand("smbquic.cli.share_listing:shares", "List the shares of a server."),
    "shell": LazyCommand(
        "smbquic.cli.shell.command:shell",
        "Go through a share at a prompt, with smbclient's commands.",
    ),
    "stat": LazyCommand(
        "smbquic.cli.listing:stat", "Show the attributes, sizes and times of a file or folder."
    ),
    "status": LazyCommand(
        "smbquic.cli.status:status", "Show what the servers on this machine are doing."
    ),
    "sync": LazyCommand(
        "smbquic.cli.trees:sync",
        "Make TARGET like SOURCE: copy what differs, and delete what SOURCE has not.",
    ),
    "tail": LazyCommand(
        "smbquic.cli.head_tail:tail", "Write the end of a file to standard output."
    ),
    "tree": LazyCommand("smbquic.cli.listing:tree", "Show a folder and all below it."),
    "user": LazyCommand("smbquic.cli.user:group", "Manage the users of a server."),
    "watch": LazyCommand("smbquic.cli.watch:watch", "Show what changes in a folder, until Ctrl-C."),
}


@click.group(cls=LazyGroup, lazy_commands=_COMMANDS)
@click.version_option(package_name="smbquic")
def cli() -> None:
    """SMB 3.1.1 over QUIC: a file server, a client and a relay in user space.

    \b
    smbquic demo                                 try it out on this machine
    smbquic serve . --guest                      share this folder
    smbquic ls smb+quic://alice@fs.example/data
    """


def main(arguments: list[str] | None = None) -> int:
    """Run one command line, and return the exit code. Never raises."""
    if _COMPLETE in os.environ:
        from smbquic.cli.completion import register

        register()
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
    except SystemExit as error:
        # click exits like this with 1 when standard output was closed by its reader (EPIPE), and
        # after completion for a shell.
        return error.code if isinstance(error.code, int) else ExitCode.PARTLY
    except (SmbError, OSError) as error:
        warn(describe(error))
        return exit_code(error)


def _show(error: click.UsageError) -> None:
    """Print what is wrong with the command line, with similar names only if they are close."""
    guesses: list[str] | None = getattr(error, "possibilities", None)
    if guesses:
        from smbquic.config.document import closest

        given = getattr(error, "option_name", None) or getattr(error, "command_name", None)
        by_word = {guess.lstrip("-"): guess for guess in guesses}
        guesses[:] = [by_word[word] for word in closest(str(given).lstrip("-"), by_word)]
    with contextlib.suppress(OSError):
        error.show()


def run() -> None:
    """Run the program, and exit."""
    if sys.platform == "win32":
        sys.exit(main())
    occupy_standard_descriptors()
    output = StandardOutput.install()
    code = main()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    if output.failure is not None and code == ExitCode.DONE:
        # Only this last flush failed, or a command has reported it as the failure of one file.
        code = ExitCode.PARTLY
        if output.failure.errno != errno.EPIPE:
            warn(describe(output.failure))
    finish_standard_error()
    # Otherwise the interpreter collects garbage in all objects before it exits.
    gc.freeze()
    sys.exit(code)
