"""Which engine a connection gets."""

from pathlib import Path

import pytest

from smbquic.transport.quic.engines import choose, client_engine, server_engine
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.tls import ClientTls, ServerTls


@pytest.mark.parametrize(
    ("options", "certificate", "chosen"),
    [
        (QuicOptions(engine="auto"), False, "qh3"),
        (QuicOptions(engine="auto"), True, "aioquic"),
        (QuicOptions(engine="auto", congestion="bbr"), False, "aioquic"),
        (QuicOptions(engine="auto", congestion="reno"), False, "aioquic"),
        (QuicOptions(engine="aioquic"), False, "aioquic"),
        (QuicOptions(engine="aioquic"), True, "aioquic"),
        (QuicOptions(engine="qh3"), False, "qh3"),
    ],
)
def test_auto_takes_the_fastest_that_can(
    options: QuicOptions, certificate: bool, chosen: str
) -> None:
    assert choose(options, certificate=certificate) == chosen


@pytest.mark.parametrize(
    ("options", "certificate", "words"),
    [
        (QuicOptions(engine="qh3"), True, "client certificates"),
        (QuicOptions(engine="qh3", congestion="bbr"), False, "bbr"),
    ],
)
def test_an_engine_that_cannot_is_refused(
    options: QuicOptions, certificate: bool, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        choose(options, certificate=certificate)


@pytest.mark.parametrize("engine", ["aioquic", "qh3"])
def test_each_is_named(engine: str, pki: object) -> None:
    options = QuicOptions(engine=engine)  # type: ignore[arg-type]
    server: Path = pki.server.certificate  # type: ignore[attr-defined]
    key: Path = pki.server.key  # type: ignore[attr-defined]
    assert server_engine(ServerTls(server, key), options)[0] == engine
    assert client_engine(ClientTls(insecure=True), "localhost", options, None)[0] == engine


@pytest.mark.parametrize("wrong", [{"engine": "other"}, {"congestion": "vegas"}])
def test_unknown_names_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is one of"):
        QuicOptions(**wrong)  # type: ignore[arg-type]
