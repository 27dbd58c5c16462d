"""Which transport a client takes, and what it logs for those who look into it."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic import sync
from smbquic.cli.main import main
from smbquic.client.url import PORTS
from smbquic.pki import PkiDirectory
from tests.engines import ENGINES


@pytest.fixture
def ports(tmp_path: Path, pki: PkiDirectory) -> Iterator[dict[str, int]]:
    (tmp_path / "share").mkdir()
    with sync.serve(
        {"data": tmp_path / "share"},
        {"alice": "secret"},
        ["quic://127.0.0.1:0", "tcp://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as serving:
        quic, tcp = (int(url.rpartition(":")[2]) for url in serving.listeners)
        yield {"quic": quic, "tcp": tcp}


@pytest.fixture
def ca(pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("SSLKEYLOGFILE", "QLOGDIR", "SMBQUIC_CA", "SMBQUIC_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return str(pki.ca)


def ping(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """Ping; the transport that was used, and what was said on standard error."""
    assert main(["ping", "--count", "1", "--json", *arguments]) == 0
    output = capsys.readouterr()
    return str(json.loads(output.out)["transport"]), output.err


@pytest.fixture
def closed() -> Iterator[int]:
    """A UDP port at which nobody answers: the socket is there, and reads nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        yield silent.getsockname()[1]


def test_quic_is_preferred_where_it_works(
    ports: dict[str, int],
    ca: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # However long QUIC takes here: nobody listens there.
    monkeypatch.setitem(PORTS, "tcp", 1)
    url = f"smb+quic://localhost:{ports['quic']}"
    assert ping(capsys, "--ca", ca, "--transport", "quic,tcp", url) == ("quic", "")


def test_tcp_is_used_where_quic_has_no_answer(
    ports: dict[str, int],
    ca: str,
    closed: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(PORTS, "tcp", ports["tcp"])
    url = f"smb+quic://localhost:{closed}"
    used, _ = ping(capsys, "--ca", ca, "--transport", "quic,tcp", url)
    assert used == "tcp"
    assert "localhost: connected over TCP, not QUIC: " in caplog.text


def test_the_other_transport_is_never_used_unasked(
    ca: str, closed: int, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PORTS, "tcp", ports["tcp"])
    url = f"smb+quic://localhost:{closed}"
    assert main(["ping", "--ca", ca, "--timeout", "0.1", url]) == 4


def test_a_wrong_certificate_is_an_error(
    ports: dict[str, int], ca: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PORTS, "tcp", ports["tcp"])
    # Nobody trusts the server's authority here.
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    url = f"smb+quic://localhost:{ports['quic']}"
    assert main(["ping", "--transport", "quic,tcp", url]) == 4


@pytest.mark.parametrize("engine", ENGINES)
def test_secrets(
    engine: str,
    ports: dict[str, int],
    ca: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    url = f"smb+quic://localhost:{ports['quic']}"
    assert ping(capsys, "--ca", ca, "--engine", engine, url)[0] == "quic"
    assert (tmp_path / "keys").read_text().count("CLIENT_TRAFFIC_SECRET_0 ") == 1


@pytest.mark.parametrize("engine", ["aioquic", "qh3"])
def test_traces(
    engine: str,
    ports: dict[str, int],
    ca: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("QLOGDIR", str(tmp_path / "traces"))
    url = f"smb+quic://localhost:{ports['quic']}"
    assert ping(capsys, "--ca", ca, "--engine", engine, url)[0] == "quic"
    (trace,) = (tmp_path / "traces").glob("*.qlog")
    assert json.loads(trace.read_text())["traces"][0]["vantage_point"]["type"] == "client"


@pytest.mark.engine("native", "qh3")
def test_an_engine_without_traces_is_not_taken_for_them(
    ports: dict[str, int],
    ca: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("QLOGDIR", str(tmp_path / "traces"))
    arguments = ["ping", "--count", "1", "--ca", ca, f"smb+quic://localhost:{ports['quic']}"]
    assert main(arguments) == 0
    assert "engine qh3 (native has no qlog traces)" in capsys.readouterr().out
    assert main([*arguments, "--engine", "native"]) == 2
    assert "native has no qlog traces: use the engine qh3" in capsys.readouterr().err
