"""Messages of the errors."""

from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, EMFILE

import pytest

from smbquic.errors import ListenError, TransportError


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (
            EADDRINUSE,
            "another program has the port; end that one, .* such as quic://\\[::\\]:8443$",
        ),
        (
            EACCES,
            "ports below 1024 need the right to .*; use a higher port, such as quic://\\[::\\]:8443$",
        ),
        (EADDRNOTAVAIL, "this machine does not have that address$"),
        (EMFILE, "Too many open files$"),
    ],
)
def test_who_cannot_listen_is_told_why_and_what_to_do(number: int, words: str) -> None:
    error = ListenError("quic://[::]:443", OSError(number, "Too many open files"))
    assert error.errno == number
    assert isinstance(error, TransportError)
    with pytest.raises(OSError, match=f"^cannot listen on quic://\\[::\\]:443: {words}"):
        raise error
