"""Which engine a connection gets."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest

from smbquic.errors import EngineError, HandshakeError
from smbquic.options.quic import EngineName
from smbquic.pki import PkiDirectory
from smbquic.transport.quic import plugin, registry
from smbquic.transport.quic.engine import (
    Acceptance,
    ConnectionIds,
    DatagramSizes,
    Engine,
    EngineChoice,
    Verify,
)
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.packet import VERSION_1, VERSIONS
from smbquic.transport.quic.plugin import (
    EngineCapabilities,
    EnginePlugin,
    MakeEngine,
    ReadFor,
    Requirements,
)
from smbquic.transport.quic.registry import (
    ServerEngines,
    choose,
    client_engine,
    server_engine,
    server_engines,
    socket_reader,
)
from smbquic.transport.quic.router import Router
from smbquic.transport.quic.tickets import Resumption
from smbquic.transport.quic.tls import CertificatesByName, ClientTls, ServerTls
from smbquic.transport.quic.udp import UdpEndpoint
from smbquic.transport.socket_options import LINUX
from tests.engines import ENGINES


def requirements(options: QuicOptions, **more: Any) -> Requirements:
    return replace(registry._requirements(options), **more)


def chosen(options: QuicOptions, **more: bool) -> EngineChoice:
    return choose(options, requirements(options, **more))[0]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The libraries that are there."""
    found = {"aioquic", "qh3", "smbquic_native"}
    monkeypatch.setattr(plugin, "find_spec", lambda name: name if name in found else None)
    return found


@pytest.fixture
def without_native(installed: set[str]) -> set[str]:
    """The libraries that are there where the optional extension is not."""
    installed.remove("smbquic_native")
    return installed


@pytest.mark.parametrize(
    ("options", "certificate", "engine"),
    [
        (QuicOptions(engine="auto"), False, "native"),
        (QuicOptions(engine="auto"), True, "native"),
        (QuicOptions(engine="auto", congestion="bbr"), False, "native"),
        (QuicOptions(engine="auto", congestion="reno"), True, "native"),
        (QuicOptions(engine="auto", qlog=Path("traces")), False, "qh3"),
        (QuicOptions(engine="auto", qlog=Path("traces")), True, "aioquic"),
        (QuicOptions(engine="native"), True, "native"),
        (QuicOptions(engine="qh3"), False, "qh3"),
    ],
)
@pytest.mark.usefixtures("installed")
def test_auto_takes_the_fastest_of_all_that_can(
    options: QuicOptions, certificate: bool, engine: str
) -> None:
    assert chosen(options, client_certificates=certificate).engine == engine


@pytest.mark.parametrize(
    ("options", "certificate", "engine"),
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
@pytest.mark.usefixtures("without_native")
def test_without_the_extension_auto_takes_the_fastest_of_the_others(
    options: QuicOptions, certificate: bool, engine: str
) -> None:
    assert chosen(options, client_certificates=certificate).engine == engine


@pytest.mark.parametrize(
    ("groups", "asked", "any_group", "engine"),
    [
        (("P-256", "P-384"), "auto", True, "aioquic"),
        (("P-256", "P-384"), "auto", False, "qh3"),
        (("P-256", "P-384"), "qh3", True, "qh3"),
        (("X25519MLKEM768", "P-256"), "auto", True, "qh3"),
    ],
)
@pytest.mark.usefixtures("without_native")
def test_a_server_with_groups_of_its_own_has_to_find_them(
    groups: tuple[str, ...], asked: EngineName, any_group: bool, engine: str
) -> None:
    assert (
        chosen(QuicOptions(engine=asked, tls_groups=groups), any_group=any_group).engine == engine
    )


def test_what_is_preferred_is_not_needed(without_native: set[str]) -> None:
    options = QuicOptions(tls_groups=("P-256",))
    reason = "native is not installed, qh3 takes no key share but a client's first"
    assert chosen(options, any_group=True) == EngineChoice("aioquic", reason)
    without_native.remove("aioquic")
    assert chosen(options, any_group=True) == EngineChoice("qh3", "the fastest that is installed")


@pytest.mark.parametrize(
    ("options", "certificate", "words"),
    [
        (QuicOptions(engine="qh3"), True, "client certificates"),
        (QuicOptions(engine="qh3", congestion="bbr"), False, "bbr"),
    ],
)
@pytest.mark.usefixtures("without_native")
def test_an_engine_that_cannot_is_refused(
    options: QuicOptions, certificate: bool, words: str
) -> None:
    with pytest.raises(EngineError, match=words) as caught:
        chosen(options, client_certificates=certificate)
    assert "use the engine aioquic" in str(caught.value)


def test_the_reason_is_said(installed: set[str]) -> None:
    assert str(chosen(QuicOptions())) == "native: the fastest"
    assert str(chosen(QuicOptions(engine="aioquic"))) == "aioquic: as asked for"
    traced = QuicOptions(congestion="bbr", qlog=Path("traces"))
    obstacles = "native has no qlog traces, qh3 has no certificates by name and no congestion"
    assert str(chosen(traced, certificate_by_name=True)) == f"aioquic: {obstacles} control bbr"
    installed.remove("smbquic_native")
    assert str(chosen(QuicOptions())) == "qh3: the fastest that is installed"
    lossy = chosen(QuicOptions(congestion="bbr"))
    assert str(lossy) == "aioquic: native is not installed, qh3 has no congestion control bbr"
    installed.remove("qh3")
    assert str(chosen(QuicOptions())) == "aioquic: the fastest that is installed"


def test_an_engine_that_is_missing_is_named(without_native: set[str]) -> None:
    words = "native is not installed: use the engine qh3 or aioquic, or auto"
    with pytest.raises(EngineError, match=words):
        chosen(QuicOptions(engine="native"))
    without_native.remove("qh3")
    with pytest.raises(EngineError, match="qh3 is not installed: use the engine aioquic, or auto"):
        chosen(QuicOptions(engine="qh3"))
    without_native.remove("aioquic")
    words = (
        "native is not installed, and qh3 is not installed, and aioquic is not installed:"
        " install smbquic_native or qh3 or aioquic"
    )
    with pytest.raises(EngineError, match=words):
        chosen(QuicOptions())
    without_native.add("qh3")
    words = (
        "native is not installed, and qh3 has no congestion control bbr, and aioquic is not"
        " installed: install smbquic_native or aioquic"
    )
    with pytest.raises(EngineError, match=words):
        chosen(QuicOptions(congestion="bbr"))


@pytest.mark.parametrize(
    ("engine", "names", "words"),
    [
        ("aioquic", False, "aioquic has no X25519MLKEM768: use the engine qh3, or auto"),
        ("native", False, "native has no X25519MLKEM768: use the engine qh3, or auto"),
        ("auto", True, "qh3 has no certificates by name, and aioquic has no X25519MLKEM768: leave"),
    ],
)
@pytest.mark.usefixtures("installed")
def test_post_quantum_keys_need_the_engine_that_has_them(
    engine: EngineName, names: bool, words: str
) -> None:
    options = QuicOptions(engine=engine, tls_groups=("P-256", "X25519MLKEM768"))
    with pytest.raises(EngineError, match=words):
        chosen(options, certificate_by_name=names)
    assert chosen(replace(options, engine="auto")).engine == "qh3"


@pytest.mark.skipif(not LINUX, reason="what it tests is Linux'")
def test_io_threads_need_the_engine_that_has_them(installed: set[str], pki: PkiDirectory) -> None:
    options = QuicOptions(io_threads=1)
    identity = ServerTls(pki.server.certificate, pki.server.key)
    assert chosen(options, io_threads=True).engine == "native"
    with pytest.raises(EngineError, match="qh3 has no I/O threads: use the engine native, or auto"):
        server_engine(identity, replace(options, engine="qh3"))
    installed.remove("smbquic_native")
    with pytest.raises(EngineError, match="I/O threads: install smbquic_native"):
        server_engine(identity, options)


@pytest.mark.parametrize("engine", ["native", "qh3"])
def test_only_threads_that_are_asked_for_are_made(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[object, ...]] = []
    router, endpoint = Router(), cast(UdpEndpoint, object())

    def make(*arguments: object) -> ReadFor:
        made.append(arguments)
        return lambda engine: None

    engines = [
        replace(each, reader=each.reader and make) if each.name == "native" else each
        for each in registry.ENGINES
    ]
    monkeypatch.setattr(registry, "ENGINES", tuple(engines))
    choice = EngineChoice(engine, "as asked for")
    for threads in (0, 3):
        read_for = socket_reader(choice, endpoint, router, 8, threads)
        assert (read_for is not None) == (engine == "native")
    expected = [(endpoint, router, 0, 8), (endpoint, router, 3, 8)]
    assert made == (expected if engine == "native" else [])


@pytest.mark.usefixtures("installed")
def test_what_no_engine_has_together_is_asked_for_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limited = [
        replace(each, capabilities=replace(each.capabilities, client_certificates=False))
        for each in registry.ENGINES
    ]
    monkeypatch.setattr(registry, "ENGINES", tuple(limited))
    with pytest.raises(EngineError, match="aioquic has no client certificates: ask for less"):
        chosen(QuicOptions(), client_certificates=True)


@pytest.mark.usefixtures("installed")
def test_any_other_engine_may_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing asks for one by name, so another one may take the place of one."""

    def make(*arguments: object) -> MakeEngine:
        raise AssertionError

    capabilities = EngineCapabilities(
        congestion=frozenset({"bbr"}),
        groups=frozenset({"X25519"}),
        client_certificates=False,
        certificate_by_name=False,
        zero_length_ids=True,
        version_2=True,
        any_group=True,
        qlog=True,
    )
    other = EnginePlugin("other", "json", capabilities, make, make)
    monkeypatch.setattr(plugin, "find_spec", lambda name: name)
    monkeypatch.setattr(registry, "ENGINES", (other, *registry.ENGINES[1:]))

    assert chosen(QuicOptions(congestion="bbr")) == EngineChoice("other", "the fastest")
    assert chosen(QuicOptions()) == EngineChoice("qh3", "other has no congestion control cubic")
    certificates = chosen(QuicOptions(), client_certificates=True)
    assert certificates.engine == "aioquic"
    assert certificates.reason == (
        "other has no client certificates and no congestion control cubic,"
        " qh3 has no client certificates"
    )


def resumption_of(
    monkeypatch: pytest.MonkeyPatch, trust: ClientTls, verify: Verify | None, port: int | None
) -> Resumption | None:
    """The access to its tickets that an engine of a client gets."""
    made: list[Resumption | None] = []

    def make(
        sizes: DatagramSizes, ids: ConnectionIds, acceptance: Acceptance | None = None
    ) -> Engine:
        raise AssertionError

    def client(*arguments: Any) -> MakeEngine:
        made.append(arguments[-1])
        return make

    capabilities = registry.ENGINES[-1].capabilities
    monkeypatch.setattr(plugin, "find_spec", lambda name: name)
    monkeypatch.setattr(
        registry, "ENGINES", (EnginePlugin("aioquic", "aioquic", capabilities, client, client),)
    )
    client_engine(trust, "fs.example", QuicOptions(), verify, port=port)
    (resumption,) = made
    return resumption


@pytest.mark.parametrize(
    ("trust", "verify", "port", "resumed"),
    [
        (ClientTls(insecure=True), None, 443, True),
        (ClientTls(), lambda chain: None, 443, True),
        (ClientTls(), lambda chain: None, None, False),
        # The engine verifies, and could not do so again.
        (ClientTls(), None, 443, False),
    ],
)
def test_who_resumes_sessions(
    monkeypatch: pytest.MonkeyPatch,
    trust: ClientTls,
    verify: Verify | None,
    port: int | None,
    resumed: bool,
) -> None:
    resumption = resumption_of(monkeypatch, trust, verify, port)

    assert (resumption is not None) is resumed
    if resumption is not None:
        assert resumption.cache is trust.tickets
        assert resumption.key() == ("aioquic", "fs.example", 443, trust.fingerprint())
        assert resumption.accepts((b"leaf",))


def test_a_session_is_resumed_only_with_certificates_that_are_accepted_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def verify(chain: list[bytes]) -> None:
        if chain != [b"leaf", b"root"]:
            raise HandshakeError("it is revoked", "revoked")

    resumption = resumption_of(monkeypatch, ClientTls(), verify, 443)

    assert resumption is not None
    assert resumption.accepts((b"leaf", b"root"))
    assert not resumption.accepts((b"revoked", b"root"))


@pytest.mark.parametrize("engine", ENGINES)
def test_each_is_named(engine: EngineName, pki: PkiDirectory) -> None:
    options = QuicOptions(engine=engine)
    identity = ServerTls(pki.server.certificate, pki.server.key)
    assert server_engine(identity, options)[0].engine == engine
    assert client_engine(ClientTls(insecure=True), "localhost", options, None)[0].engine == engine


@pytest.mark.engine("aioquic", "qh3")
@pytest.mark.usefixtures("without_native")
def test_an_only_certificate_needs_no_choice(pki: PkiDirectory) -> None:
    identity = ServerTls(pki.server.certificate, pki.server.key)
    assert server_engine(CertificatesByName({}, identity), QuicOptions())[0].engine == "qh3"
    named = CertificatesByName({"fs.example": identity})
    assert server_engine(named, QuicOptions())[0] == EngineChoice(
        "aioquic", "native is not installed, qh3 has no certificates by name"
    )


@pytest.mark.engine("qh3")
def test_no_client_has_to_wait_for_the_first_key_of_a_server(
    pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    configuration = import_module("smbquic.transport.quic.qh3.configuration")
    monkeypatch.setattr(configuration, "X25519KeyExchange", lambda: made.append(True))
    server_engine(ServerTls(pki.server.certificate, pki.server.key), QuicOptions(engine="qh3"))
    assert made == [True]


ZERO_LENGTH = "qh3 cannot answer clients with zero-length connection IDs"
V1, V2 = (version.to_bytes(4, "big") for version in VERSIONS)
UNKNOWN = b"\x1a\x2a\x3a\x4a"


def first_datagram(version: bytes = V1, source: bytes = b"client") -> bytes:
    return b"\xc0" + version + b"\x08original" + bytes([len(source)]) + source + bytes(99)


def engine_of(engines: ServerEngines, datagram: bytes) -> str:
    """Return the engine of a client, and why; or why it is not accepted."""
    try:
        return str(engines.find(datagram)[0])
    except EngineError as error:
        return str(error)


@pytest.mark.parametrize(
    ("options", "engine"),
    [
        (QuicOptions(), f"aioquic: {ZERO_LENGTH}"),
        (QuicOptions(tls_groups=("X25519MLKEM768", "P-256")), f"aioquic: {ZERO_LENGTH}"),
        (QuicOptions(tls_groups=("X25519MLKEM768",)), ZERO_LENGTH),
        (QuicOptions(engine="qh3"), ZERO_LENGTH),
        (QuicOptions(engine="aioquic"), "aioquic: as asked for"),
    ],
)
@pytest.mark.engine("aioquic", "qh3")
@pytest.mark.usefixtures("without_native")
def test_clients_with_zero_length_ids_get_an_engine_that_can_answer_them(
    options: QuicOptions, engine: str, pki: PkiDirectory
) -> None:
    engines = server_engines(ServerTls(pki.server.certificate, pki.server.key), options)
    assert engine_of(engines, first_datagram(source=b"")) == engine
    assert engine_of(engines, first_datagram(V2, b"")) == engine
    assert engines.find(first_datagram()) == engines.find(first_datagram(V2)) == engines.usual


@pytest.mark.engine("qh3")
def test_without_another_engine_they_are_turned_away(
    pki: PkiDirectory, without_native: set[str]
) -> None:
    without_native.remove("aioquic")
    identity = ServerTls(pki.server.certificate, pki.server.key)
    engines = server_engines(identity, QuicOptions())
    assert engines.usual[0].engine == "qh3"
    assert engine_of(engines, first_datagram(source=b"")) == ZERO_LENGTH
    # Another version would not help.
    assert engines.versions(first_datagram(UNKNOWN, b"")) == (VERSION_1,)
    assert engines.versions(first_datagram(UNKNOWN)) == VERSIONS


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Engines with the capabilities of the real ones; returns those that prepared a server."""
    prepared: list[str] = []

    def of(engine: EnginePlugin) -> EnginePlugin:
        def server(identity: object, options: QuicOptions) -> MakeEngine:
            prepared.append(engine.name)
            return lambda *_: cast(Engine, None)

        return replace(engine, server=server)

    monkeypatch.setattr(registry, "ENGINES", tuple(map(of, registry.ENGINES)))
    return prepared


IDENTITY = ServerTls(b"certificate", b"key")
VERIFYING = ServerTls(b"certificate", b"key", verify=lambda chain: None)
VERSION = "native cannot answer clients with QUIC version 2"


@pytest.mark.parametrize(
    ("identity", "missing", "engine", "zero_length"),
    [
        (IDENTITY, "", f"qh3: {VERSION}", f"aioquic: {VERSION}"),
        (IDENTITY, "qh3", f"aioquic: {VERSION}", f"aioquic: {VERSION}"),
        (IDENTITY, "aioquic", f"qh3: {VERSION}", VERSION),
        (VERIFYING, "", f"aioquic: {VERSION}", f"aioquic: {VERSION}"),
        (VERIFYING, "aioquic", VERSION, VERSION),
    ],
)
@pytest.mark.usefixtures("played")
def test_clients_of_version_2_get_an_engine_that_has_it(
    installed: set[str], identity: ServerTls, missing: str, engine: str, zero_length: str
) -> None:
    installed.discard(missing)
    engines = server_engines(identity, QuicOptions())
    assert engine_of(engines, first_datagram()) == "native: the fastest"
    assert engine_of(engines, first_datagram(source=b"")) == "native: the fastest"
    for source, found in ((b"client", engine), (b"", zero_length)):
        assert engine_of(engines, first_datagram(V2, source)) == found
        versions = (VERSION_1,) if found == VERSION else VERSIONS
        for version in (V1, V2, UNKNOWN):
            assert engines.versions(first_datagram(version, source)) == versions


@pytest.mark.usefixtures("installed")
def test_an_engine_for_several_kinds_of_clients_is_prepared_once(played: list[str]) -> None:
    server_engines(VERIFYING, QuicOptions())
    assert played == ["native", "aioquic"]
    server_engines(IDENTITY, QuicOptions(engine="native"))
    assert played[2:] == ["native"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"engine": "other"},
        {"congestion": "vegas"},
        {"tls_ciphers": ()},
        {"tls_ciphers": ("AES-128-GCM", "RC4")},
        {"tls_groups": ("X448",)},
    ],
)
def test_unknown_names_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"is not one of|write one or more of"):
        QuicOptions(**wrong)
