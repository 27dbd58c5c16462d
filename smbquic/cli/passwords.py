"""New passwords: from a file or the keyboard, and never an empty one."""

import sys
from typing import IO

import click


def read_first_line(file: IO[str], who: str) -> str:
    """The password on the first line of a file. Raises a usage error if there is none."""
    password = file.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError(f"the password for {who} is empty: write it on the first line")
    return password


def ask_new(who: str, otherwise: str) -> str:
    """A password that is typed twice; `otherwise` is what to do where nobody can type.

    Raises a usage error without a terminal.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(f"no password for {who}: use {otherwise}")
    return str(
        click.prompt(f"Password for {who}", hide_input=True, confirmation_prompt=True, err=True)
    )
