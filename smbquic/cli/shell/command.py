"""`smbquic shell`: the command, which connects and then runs a script or reads lines."""

import inspect
import sys
from collections.abc import Iterator

import click

from smbquic.cli.client import SHARE_URL, Client, client_command
from smbquic.cli.command import command, option
from smbquic.cli.shell.completion import Completer
from smbquic.cli.shell.editor import editor
from smbquic.cli.shell.history import History, default_file
from smbquic.cli.shell.interpreter import Interpreter
from smbquic.cli.shell.state import Shell
from smbquic.cli.shell.table import VERBS
from smbquic.cli.shell.worker import Worker, ended_by_signals
from smbquic.cli.urls import check_folder
from smbquic.client.url import SmbUrl


@command("shell")
@click.argument("url", type=SHARE_URL)
@option(
    "-c",
    "--command",
    "script",
    metavar="COMMANDS",
    help="Run these commands, separated by semicolons, and end.",
)
@client_command
def shell(client: Client, url: SmbUrl, *, script: str | None) -> None:
    """Go through a share at a prompt, with smbclient's commands.

    \b
    smbquic shell smb+quic://alice@fs.example/data
    smbquic shell fs: -c 'cd in; mget *.pdf; -del *.pdf'
    cat commands.txt | smbquic shell fs:in

    Tab completes commands and names. Ctrl-C ends a command, and Ctrl-D the shell. Double quotes
    keep the spaces of a name. In `ls | less`, less is a command of this machine, and so is what
    follows a !. It ends at a semicolon that is not in quotes.

    With -c, and without a terminal, the commands are a script. It ends at the first one that fails,
    whose exit code is that of the program; after a - a command may fail. Nobody is asked then.
    Lines that begin with # are comments.

    The lines are kept in ~/.local/state/smbquic/shell_history, but for those that begin with a
    space.
    """
    interactive = script is None and sys.stdin.isatty()
    worker = Worker()
    try:
        with ended_by_signals(), worker.entered(client.share(url)) as share:
            history = History(default_file()) if interactive else History()
            state = Shell(client, share, url, VERBS, interactive, history, folder=url.path)
            if url.path:
                worker.run(check_folder(share, url.path))
            interpreter = Interpreter(state, worker)
            if interactive:
                interpreter.interact(editor(history, Completer(state, worker)))
            else:
                interpreter.script(_lines(script))
    finally:
        worker.stop()


def _lines(script: str | None) -> Iterator[str]:
    """Return the lines of a script, or of standard input one by one."""
    if script is not None:
        yield from script.split("\n")
        return
    for line in sys.stdin:
        yield line.rstrip("\r\n")


def _with_verbs(help_text: str | None) -> str:
    """Return the help of the command with the table of verbs."""
    lines = "\n".join(VERBS.table())
    return f"{inspect.cleandoc(help_text or '')}\n\nThe commands of the shell:\n\n\b\n{lines}"


shell.help = _with_verbs(shell.help)
