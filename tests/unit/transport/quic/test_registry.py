"""Which engine a connection gets."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smbquic.errors import EngineError
from smbquic.pki import PkiDirectory
from smbquic.transport.quic import registry
from smbquic.transport.quic.engine import Choice
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.qh3 import engine as qh3
from smbquic.transport.quic.registry import (
    NAMELESS,
    choose,
    client_engine,
    server_engine,
    server_engines,
)
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
    assert choose(options, certificate=certificate).engine == chosen


@pytest.mark.parametrize(
    ("groups", "engine", "server", "chosen"),
    [
        (("P-256", "P-384"), "auto", True, "aioquic"),
        (("P-256", "P-384"), "auto", False, "qh3"),
        (("P-256", "P-384"), "qh3", True, "qh3"),
        (("X25519MLKEM768", "P-256"), "auto", True, "qh3"),
        ((), "auto", True, "qh3"),
    ],
)
def test_a_server_with_groups_of_its_own_has_to_find_them(
    groups: tuple[str, ...], engine: Any, server: bool, chosen: str
) -> None:
    options = QuicOptions(engine=engine, groups=groups)
    assert choose(options, server=server).engine == chosen


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
    with pytest.raises(EngineError, match=words) as caught:
        choose(options, certificate=certificate)
    assert "use the engine aioquic" in str(caught.value)


def test_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(choose(QuicOptions())) == "qh3: the fastest"
    assert str(choose(QuicOptions(engine="aioquic"))) == "aioquic: as asked for"
    lossy = choose(QuicOptions(congestion="bbr"), names=True)
    assert str(lossy) == "aioquic: qh3 has no certificates by name and no congestion control bbr"
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    assert str(choose(QuicOptions())) == "aioquic: qh3 is not installed"
    with pytest.raises(EngineError, match="not installed"):
        choose(QuicOptions(engine="qh3"))


@pytest.mark.parametrize(
    ("engine", "names", "words"),
    [
        ("aioquic", False, "use the engine qh3, or leave it out of the groups"),
        ("auto", True, "qh3 has no certificates by name, and aioquic has no X25519MLKEM768: leave"),
    ],
)
def test_post_quantum_keys_need_the_engine_that_has_them(
    engine: str, names: bool, words: str
) -> None:
    options = QuicOptions(engine=engine, groups=("P-256", "X25519MLKEM768"))  # type: ignore[arg-type]
    with pytest.raises(EngineError, match=words):
        choose(options, names=names)
    assert choose(replace(options, engine="auto")).engine == "qh3"


@pytest.mark.parametrize("engine", ["aioquic", "qh3"])
def test_each_is_named(engine: str, pki: object) -> None:
    options = QuicOptions(engine=engine)  # type: ignore[arg-type]
    server: Path = pki.server.certificate  # type: ignore[attr-defined]
    key: Path = pki.server.key  # type: ignore[attr-defined]
    assert server_engine(ServerTls(server, key), options)[0].engine == engine
    assert client_engine(ClientTls(insecure=True), "localhost", options, None)[0].engine == engine


def test_no_client_has_to_wait_for_the_first_key_of_a_server(
    pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setattr(qh3, "X25519KeyExchange", lambda: made.append(True))
    server_engine(ServerTls(pki.server.certificate, pki.server.key), QuicOptions(engine="qh3"))
    assert made == [True]


@pytest.mark.parametrize(
    ("options", "nameless"),
    [
        (QuicOptions(), str(Choice("aioquic", NAMELESS))),
        (QuicOptions(groups=("X25519MLKEM768", "P-256")), str(Choice("aioquic", NAMELESS))),
        (QuicOptions(groups=("X25519MLKEM768",)), "None"),
        (QuicOptions(engine="qh3"), "None"),
        (QuicOptions(engine="aioquic"), "aioquic: as asked for"),
    ],
)
def test_clients_without_connection_ids_get_an_engine_that_can_answer_them(
    options: QuicOptions, nameless: str, pki: PkiDirectory
) -> None:
    engines = server_engines(ServerTls(pki.server.certificate, pki.server.key), options)
    assert str(engines.nameless and engines.nameless[0]) == nameless


@pytest.mark.parametrize(
    "wrong",
    [
        {"engine": "other"},
        {"congestion": "vegas"},
        {"ciphers": ()},
        {"ciphers": ("AES-128-GCM", "RC4")},
        {"groups": ("X448",)},
    ],
)
def test_unknown_names_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"is one of|are some of"):
        QuicOptions(**wrong)
