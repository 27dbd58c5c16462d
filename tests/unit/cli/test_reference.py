"""The page about the command line."""

from pathlib import Path

from smbquic.cli import reference
from smbquic.cli.main import cli

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "command-line.md"


def test_the_reference_page_is_that_of_the_commands() -> None:
    assert PAGE.read_text() == reference.page(), (
        "run: python -m smbquic.cli.reference > docs/reference/command-line.md"
    )


def test_every_command_is_on_it() -> None:
    page = reference.page()
    for name in cli.commands:
        assert f"## `smbquic {name} " in page


def test_what_clients_have_in_common_is_said_once() -> None:
    page = reference.page()
    assert page.count("| `--congestion [cubic\\|bbr\\|reno]` |") == 3  # clients, serve, gateway
    relay = page.partition("## `smbquic relay")[2].partition("\n## ")[0]
    assert (
        "[the client options](#the-client-options), without `--password-file`,"
        " `--authentication-file`, `--keyring`, `--guest`, `--encrypt`, `--reconnect-timeout`,"
        " `--channels`." in relay
    )
