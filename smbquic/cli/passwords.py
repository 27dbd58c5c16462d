"""Reads new passwords from a file or a prompt; an empty one is refused."""

import sys
from typing import IO

import click


def read_first_line(file: IO[str], who: str) -> str:
    """Return the password on the first line of a file. Raises a usage error if it is empty."""
    password = file.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError(f"the password for {who} is empty: write it on the first line")
    return password


def ask_new(who: str, otherwise: str) -> str:
    """Ask for a new password twice. Without a terminal, raise a usage error.

    `otherwise` is the error's advice: another source of the password.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(f"no password for {who}: use {otherwise}")
    return str(
        click.prompt(f"Password for {who}", hide_input=True, confirmation_prompt=True, err=True)
    )
