"""Output of `smbquic relay` when it is ready."""

import click
import pytest

from smbquic.cli import relay
from smbquic.client.url import SmbUrl


@pytest.mark.parametrize(
    ("listener", "url", "line"),
    [
        (
            "tcp://127.0.0.1:4450",
            "smb+quic://alice@fs.example/data",
            "  smbclient //127.0.0.1/data -p 4450 -U alice",
        ),
        (
            "tcp://0.0.0.0:445",
            "smb+quic://fs.example",
            "  smbclient //127.0.0.1/SHARE -p 445 -U USER",
        ),
    ],
)
def test_it_says_what_to_type_and_why_a_list_may_be_empty(
    listener: str, url: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    relay._announce(listener, SmbUrl.parse(url))
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == f"relaying {listener} to {url}, Ctrl-C ends"
    assert second == line
    assert "smbclient -L shows none" in third
    assert "--pipes-over-quic" in third


def test_over_tcp_servers_list_their_shares(capsys: pytest.CaptureFixture[str]) -> None:
    relay._announce("tcp://127.0.0.1:4450", SmbUrl.parse("smb://fs.example"))
    assert "-L" not in capsys.readouterr().out


def test_a_command_begins_with_the_first_word_without_a_colon() -> None:
    urls, arguments = relay._split(
        ["smb+quic://one", "smb://two", "smbclient", "-p", "{port}", "a:b"], once=True
    )
    assert [str(url) for url in urls] == ["smb+quic://one", "smb://two"]
    assert arguments == ["smbclient", "-p", "{port}", "a:b"]


@pytest.mark.parametrize(
    ("words", "once", "error"),
    [
        (["smb://one", "smbclient"], False, "'smbclient' is no URL"),
        (["smb://one"], True, "--once needs a command"),
        (["smbclient"], True, "no URL of a server before the command"),
    ],
)
def test_words_that_make_no_sense(words: list[str], once: bool, error: str) -> None:
    with pytest.raises(click.UsageError, match=error):
        relay._split(words, once=once)
