"""Output of `smbquic relay` when it is ready."""

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
