"""Descriptions that are read from the commands."""

import click

from smbquic.cli.description import is_client, paragraphs, root, subcommands, usage


def command(name: str) -> click.Context:
    return next(each for each in subcommands(root()) if each.info_name == name)


def test_paragraphs_and_examples() -> None:
    first, example, *rest = paragraphs(command("ls"))
    assert first == ("List a folder.", False)
    assert example.example
    assert example.text.startswith("smbquic ls smb+quic://")
    assert not any("\b" in each.text for each in rest)


def test_usage() -> None:
    assert usage(command("get")) == "[OPTIONS] URLS... TARGET"


def test_who_is_a_client() -> None:
    assert [is_client(command(name)) for name in ("get", "relay", "serve", "pki")] == [
        *(True, True),
        *(False, False),
    ]
