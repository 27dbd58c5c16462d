"""Runs the lines of the shell: those of a script, and those that are typed."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress

import click

from smbquic.cli.failure import ExitCode, describe
from smbquic.cli.output import warn
from smbquic.cli.shell.editor import Editor
from smbquic.cli.shell.grammar import ShellCommand, parse
from smbquic.cli.shell.local_command import LocalCommandFailed, pager, piped_to, run_local
from smbquic.cli.shell.output import Output, PipeOutput, ReaderGone
from smbquic.cli.shell.state import Shell
from smbquic.cli.shell.verb import Verb, VerbError
from smbquic.cli.shell.worker import Worker
from smbquic.errors import SmbError

FAILURES = (SmbError, OSError, click.ClickException)
"""What ends a command, and not the shell."""


class Interpreter:
    """Runs commands, one after the other."""

    def __init__(self, shell: Shell, worker: Worker) -> None:
        self._shell = shell
        self._worker = worker

    def script(self, lines: Iterable[str]) -> None:
        """Run lines up to the first command that fails, and raise its failure."""
        for line in lines:
            self.run(line)
            if self._shell.ended:
                return

    def interact(self, editor: Editor) -> None:
        """Run what is typed. A failure ends its line; Ctrl-C ends a command, Ctrl-D the shell."""
        while not self._shell.ended:
            try:
                line = editor.read(self._shell.prompt)
                self.run(line)
            except EOFError:
                break
            except KeyboardInterrupt:
                click.echo(err=True)
            except LocalCommandFailed as error:
                # It has said itself what is wrong; and where Ctrl-C was typed, nothing.
                if error.code == ExitCode.INTERRUPTED:
                    click.echo(err=True)
            except FAILURES as error:
                warn(describe(error))

    def run(self, line: str) -> None:
        """Run the commands of a line up to the first that fails, and raise its failure."""
        try:
            commands = parse(line)
        except ValueError as error:
            raise VerbError(str(error)) from None
        for command in commands:
            try:
                self._run(command)
            except FAILURES as error:
                if not command.may_fail:
                    raise
                warn(describe(error))
            if self._shell.ended:
                return

    def _run(self, command: ShellCommand) -> None:
        sys.stdout.flush()
        folder = self._shell.local_folder
        if not command.words:
            run_local(command.local or "", folder)
            return
        verb = self._shell.verbs.find(command.words[0])
        arguments = command.words[1:]
        verb.check(arguments)
        reader = pager() if verb.paged and command.local is None else command.local
        if reader is None:
            self._worker.run(self._perform(verb, arguments, Output()))
            return
        with piped_to(reader, folder) as descriptor:
            self._worker.run(self._perform(verb, arguments, PipeOutput(descriptor)))

    async def _perform(self, verb: Verb, arguments: Sequence[str], output: Output) -> None:
        shell = self._shell
        shell.output = output
        if shell.settings.timeout is not None:
            shell.share.tree.connection.monitor.response_timeout = shell.settings.timeout
        with suppress(ReaderGone):
            try:
                await verb.run(shell, *arguments)
            finally:
                # What was written before a failure, too.
                await output.flush()
