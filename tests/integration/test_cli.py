"""The program as people run it: processes, exit codes, one line for what went wrong."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.pki import Fault, FaultyPki, PkiDirectory
from tests.engines import AUTO, AUTO_REASON, automatic
from tests.integration.program import (
    PASSWORD,
    TIMEOUT,
    Served,
    environment,
    is_one_line,
    running,
    serve_arguments,
    smbquic,
)

GROUPS = {"qh3": "X25519MLKEM768", "aioquic": "X25519", "native": "X25519"}
"""The groups that two ends on an engine take, if they are not told."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, pki: PkiDirectory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("served")
    arguments = serve_arguments(
        directory,
        pki.server.certificate,
        pki.server.key,
        "quic://127.0.0.1:0",
        "tcp://127.0.0.1:0",
    )
    with running(*arguments) as ready:
        yield Served(directory / "share", pki, ready["listeners"])


@pytest.mark.parametrize("transport", ["quic", "tcp"])
class TestFiles:
    def test_a_file_up_and_down(self, served: Served, tmp_path: Path, transport: str) -> None:
        source = tmp_path / "source.bin"
        source.write_bytes(os.urandom(3_000_000))
        name = f"{transport}-äöü.bin"
        result = served.run("put", str(source), served.url(name, transport))
        assert (result.returncode, result.stderr) == (0, "")
        assert (served.folder / name).read_bytes() == source.read_bytes()
        result = served.run("get", served.url(name, transport), str(tmp_path / "back"))
        assert (result.returncode, result.stderr) == (0, "")
        assert (tmp_path / "back").read_bytes() == source.read_bytes()

    def test_a_long_copy_says_how_far_it_is(
        self, served: Served, tmp_path: Path, transport: str
    ) -> None:
        source = tmp_path / "long"
        source.write_bytes(bytes(4 << 20))
        url = served.url(f"{transport}-long", transport)
        result = served.run("put", "--json", "--bwlimit", "2M", str(source), url)
        assert (result.returncode, result.stderr) == (0, "")
        *events, summary = map(json.loads, result.stdout.splitlines())
        assert (summary["event"], summary["bytes"]) == ("summary", 4 << 20)
        assert events
        for event in events:
            assert (event["event"], event["what"]) == ("progress", str(source))
            assert 0 < event["bytes"] <= event["total_bytes"] == 4 << 20

    def test_a_tree_up_and_down(self, served: Served, tmp_path: Path, transport: str) -> None:
        source = tmp_path / "tree"
        for number in range(40):
            folder = source / f"folder {number % 4}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.txt").write_text(f"content of {number}")
        url = served.url(f"{transport}-tree", transport)
        result = served.run("put", "-r", "--json", str(source), url)
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout.splitlines()[-1])["files"] == 40
        result = served.run("get", "-r", url, str(tmp_path / "back"))
        assert result.returncode == 0, result.stderr
        for path in source.rglob("*.txt"):
            assert (tmp_path / "back" / path.relative_to(source)).read_bytes() == path.read_bytes()
        listing = served.run("tree", url)
        assert listing.stdout.endswith("4 folders, 40 files\n")
        # -r of a file copies the file, and of nothing makes nothing.
        result = served.run("get", "-r", f"{url}/folder 1/1.txt", str(tmp_path / "one"))
        assert (result.returncode, (tmp_path / "one").read_text()) == (0, "content of 1")
        result = served.run("get", "-r", f"{url}/nothing", str(tmp_path / "nothing"))
        assert (result.returncode, (tmp_path / "nothing").exists()) == (5, False)
        assert served.run("rm", "-r", url).returncode == 0
        assert not (served.folder / f"{transport}-tree").exists()

    def test_names_are_changed(self, served: Served, transport: str) -> None:
        base = f"{transport}-names"
        assert served.run("mkdir", "-p", served.url(f"{base}/a/b", transport)).returncode == 0
        (served.folder / base / "a" / "x.txt").write_text("x")
        source, target = (served.url(f"{base}/a/{name}", transport) for name in ("x.txt", "y.txt"))
        assert served.run("mv", source, target).returncode == 0
        assert served.run("cp", target, source).returncode == 0
        listing = served.run("ls", "--json", served.url(f"{base}/a", transport))
        entries = json.loads(listing.stdout)["entries"]
        assert [entry["name"] for entry in entries] == ["b", "x.txt", "y.txt"]
        assert [entry["type"] for entry in entries] == ["directory", "file", "file"]
        assert served.run("cat", source).stdout == "x"
        assert json.loads(served.run("stat", "--json", source).stdout)["size"] == 1
        assert served.run("rm", source, target).returncode == 0
        assert served.run("rmdir", served.url(f"{base}/a/b", transport)).returncode == 0
        assert list((served.folder / base / "a").iterdir()) == []

    def test_ping(self, served: Served, transport: str) -> None:
        result = served.run("ping", "--json", "-c", "3", served.url(transport=transport))
        document = json.loads(result.stdout)
        assert document["transport"] == transport
        assert document["dialect"] == "3.1.1"
        assert document["logged_on"] is True
        assert document["encryption_left_to_quic"] is (transport == "quic")
        assert len(document["echo_ms"]) == 3
        assert list(document["stages_ms"]) == ["transport", "negotiate", "session"]
        assert all(each > 0 for each in document["stages_ms"].values())
        # A machine that is slow to answer makes packets look lost.
        assert isinstance(document["lost_packets"], int) is (transport == "quic")

    def test_ping_says_who_resolved_the_name(self, served: Served, transport: str) -> None:
        url = served.url(transport=transport)
        found = json.loads(served.run("ping", "--json", "-c", "1", url).stdout)
        assert found["resolved_by"] == "system"

    def test_ping_without_a_logon(self, served: Served, transport: str) -> None:
        result = served.run("ping", served.url(transport=transport).replace("alice@", ""))
        assert result.returncode == 0, result.stderr
        assert "not logged on" in result.stdout
        assert re.search(
            r"connected in [\d.]+ ms \(transport [\d.]+, negotiate [\d.]+\)", result.stdout
        )
        assert bool(re.search(r", \d+ packets lost$", result.stdout, re.M)) is (transport == "quic")

    def test_the_exit_code_of_a_ping_says_what_is_wrong(
        self, served: Served, transport: str
    ) -> None:
        url = served.url(transport=transport)
        assert served.run("ping", "-c", "1", url, password="wrong").returncode == 3
        nobody = url.replace(served.ports[transport], "1")
        assert served.run("ping", "-c", "1", "--timeout", "5", nobody).returncode == 4
        assert served.run("ping", "-c", "0", url).returncode == 2

    def test_ping_says_which_engine_and_why(self, served: Served, transport: str) -> None:
        url = served.url(transport=transport)
        found = json.loads(served.run("ping", "--json", "-c", "1", url).stdout)
        quic = transport == "quic"
        assert found["engine"] == (AUTO if quic else None)
        assert found["engine_reason"] == (AUTO_REASON if quic else None)
        assert found["alpn"] == ("smb" if quic else None)
        assert found["tls_cipher"] == ("AES_128_GCM_SHA256" if quic else None)
        assert found["tls_group"] == (GROUPS[AUTO] if quic else None)
        assert found["resumed"] is (False if quic else None)
        assert (found["datagram_size"] or 0) >= (1200 if quic else 0)
        assert (found["round_trip_ms"] or 0) > 0 or not quic
        chosen = ("--tls-ciphers", "AES-256-GCM", "--tls-groups", "P-384,P-256")
        found = json.loads(served.run("ping", "-c", "1", "--json", *chosen, url).stdout)
        assert found["tls_cipher"] == ("AES_256_GCM_SHA384" if quic else None)
        assert found["tls_group"] == ("P-384" if quic else None)
        said = served.run("ping", "-c", "1", "--congestion", "bbr", url).stdout
        choice = automatic(congestion="bbr")
        assert (f"engine {choice.engine} ({choice.reason})" in said) is quic

    def test_a_failure_among_several(self, served: Served, transport: str) -> None:
        (served.folder / f"{transport}-there").write_text("x")
        urls = [served.url(f"{transport}-{name}", transport) for name in ("there", "missing")]
        result = served.run("rm", *urls)
        assert result.returncode == 1
        assert f"{transport}-missing" in result.stderr
        assert not (served.folder / f"{transport}-there").exists()


class TestWhatGoesWrong:
    @pytest.mark.parametrize("command", ["ls", "ping", "probe", "relay"])
    def test_an_engine_that_cannot_do_it(self, served: Served, command: str) -> None:
        options = ("--engine", "qh3", "--congestion", "bbr")
        result = served.run(command, *options, served.url())
        is_one_line(result, 2, "qh3 has no congestion control bbr", "use the engine")

    def test_a_cipher_suite_that_the_server_does_not_allow(self, served: Served) -> None:
        result = served.run("ls", "--tls-ciphers", "CHACHA20-POLY1305", served.url())
        is_one_line(result, 4, "no TLS cipher suite", "tls_ciphers")

    def test_a_group_that_does_not_exist(self, served: Served) -> None:
        result = served.run("ls", "--tls-groups", "P-384,P-521", served.url())
        assert result.returncode == 2
        assert "'P-521' is not one of X25519MLKEM768, X25519, P-256, P-384" in result.stderr

    def test_a_server_whose_engine_cannot_do_it(self, tmp_path: Path, pki: PkiDirectory) -> None:
        files = (pki.server.certificate, pki.server.key)
        arguments = serve_arguments(tmp_path, *files, "quic://127.0.0.1:0")
        result = smbquic(*arguments, "--engine", "qh3", "--congestion", "reno")
        is_one_line(result, 2, "qh3 has no congestion control reno", "use the engine")

    def test_wrong_password(self, served: Served) -> None:
        result = served.run("ls", served.url(), password="wrong")
        is_one_line(result, 3, "refuses the logon", "password")

    def test_no_password(self, served: Served) -> None:
        result = served.run("ls", served.url(), password=None)
        assert result.returncode == 2
        assert "--password-file" in result.stderr

    def test_unknown_share(self, served: Served) -> None:
        result = served.run("ls", served.url().replace("/data/", "/nothing/"))
        is_one_line(result, 5, "nothing", "STATUS_BAD_NETWORK_NAME")

    def test_missing_file(self, served: Served, tmp_path: Path) -> None:
        result = served.run("get", served.url("missing"), str(tmp_path / "back"))
        is_one_line(result, 5, "missing", "STATUS_OBJECT_NAME_NOT_FOUND")
        assert list(tmp_path.iterdir()) == []

    def test_a_read_only_share(self, served: Served) -> None:
        result = served.run("mkdir", served.url("x").replace("/data/", "/archive/"))
        assert result.returncode == 5
        assert not (served.folder / "x").exists()

    def test_a_missing_ca(self, served: Served) -> None:
        result = smbquic("ls", served.url())
        is_one_line(result, 4, "--ca")

    def test_a_ca_file_that_is_not_there(self, served: Served, tmp_path: Path) -> None:
        result = smbquic("ls", "--ca", str(tmp_path / "none.pem"), served.url())
        is_one_line(result, 4, "none.pem")

    def test_insecure_is_warned_about(self, served: Served) -> None:
        result = smbquic("ls", "--insecure", served.url())
        is_one_line(result, 0, "--insecure")

    def test_nobody_listens(self, served: Served) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            for scheme in ("smb", "smb+quic"):
                url = f"{scheme}://alice@localhost:{port}/data"
                result = served.run("ls", "--timeout", "2", url)
                is_one_line(result, 4, str(port))

    def test_an_unknown_host(self, served: Served) -> None:
        result = served.run("ls", "smb+quic://alice@no-such-host.invalid/data")
        is_one_line(result, 4, "no-such-host.invalid")

    @pytest.mark.parametrize("url", ["https://host/share", "smb+quic://", "smb+quic://u@h:x/s"])
    def test_a_url_that_is_none(self, url: str) -> None:
        result = smbquic("ls", url)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr

    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            (Fault.EXPIRED, ["expired"]),
            (Fault.NOT_YET_VALID, ["valid only from"]),
            (Fault.WRONG_NAME, ["localhost"]),
            (Fault.UNKNOWN_CA, ["--ca"]),
        ],
    )
    def test_bad_certificates(
        self, tmp_path: Path, bad_pki: FaultyPki, pki: PkiDirectory, fault: Fault, words: list[str]
    ) -> None:
        files = bad_pki.server(fault)
        arguments = serve_arguments(tmp_path, files.certificate, files.key, "quic://127.0.0.1:0")
        with running(*arguments) as ready:
            served = Served(tmp_path / "share", pki, ready["listeners"])
            result = served.run("ls", served.url())
        is_one_line(result, 4, *words)


class TestServe:
    def test_the_port_is_taken(self, served: Served, tmp_path: Path, pki: PkiDirectory) -> None:
        for transport, port in served.ports.items():
            directory = tmp_path / transport
            directory.mkdir()
            arguments = serve_arguments(
                directory,
                pki.server.certificate,
                pki.server.key,
                f"{transport}://127.0.0.1:{port}",
            )
            is_one_line(smbquic(*arguments), 4, port, "another program")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give its rights away")
    def test_port_443_without_the_right(self, tmp_path: Path, pki: PkiDirectory) -> None:
        arguments = serve_arguments(
            tmp_path, pki.server.certificate, pki.server.key, "tcp://127.0.0.1:443"
        )
        # Without CAP_NET_BIND_SERVICE root is like anybody else here.
        result = subprocess.run(
            [
                *("setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"),
                *(sys.executable, "-m", "smbquic", *arguments),
            ],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            env=environment(),
            check=False,
        )
        is_one_line(result, 4, "443", "higher port")

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--share", "data"], "NAME=PATH"),
            (["--share", "data=/no/such/folder", "--user", "a:b"], "not a folder"),
            (["--share", "data=/tmp"], "nobody could log on"),
            (["--share", "a=/tmp", "--share", "a=/tmp", "--user", "a:b"], "same name"),
            (["--share", "a=/tmp", "--user", "a:b", "--cert", "x.pem"], "x.pem"),
            (["--share", "a=/tmp", "--user", "a:b", "--listen", "http://x"], "quic://HOST:PORT"),
        ],
    )
    def test_usage(self, arguments: list[str], words: str, tmp_path: Path) -> None:
        result = smbquic("serve", *arguments, password=None, XDG_DATA_HOME=str(tmp_path))
        assert result.returncode == 2, result.stderr
        assert words in result.stderr
        assert "Traceback" not in result.stderr

    def test_a_private_ca_is_made_and_kept(self, tmp_path: Path) -> None:
        (tmp_path / "share").mkdir()
        command = ("serve", "--share", f"data={tmp_path / 'share'}", "--user", f"alice:{PASSWORD}")
        cas = []
        for _ in range(2):
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "smbquic", *command, "--json"),
                    *("--listen", "quic://127.0.0.1:0"),
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment(XDG_DATA_HOME=str(tmp_path)),
            )
            assert process.stdout is not None
            try:
                ready = json.loads(process.stdout.readline())
                cas.append(Path(ready["ca"]).read_bytes())
                port = ready["listeners"][0].rpartition(":")[2]
                result = smbquic(
                    "ls", "--ca", ready["ca"], f"smb+quic://alice@localhost:{port}/data"
                )
                assert result.returncode == 0, result.stderr
            finally:
                process.terminate()
                process.communicate(timeout=TIMEOUT)
        assert cas[0] == cas[1]


def test_shares_are_listed_where_the_server_tells(served: Served) -> None:
    over_tcp, over_quic = (
        served.url(transport=transport).removesuffix("/data/") for transport in ("tcp", "quic")
    )
    shares = json.loads(served.run("shares", "--json", over_tcp).stdout)["shares"]
    assert {"name": "data", "kind": "disk", "special": False, "comment": ""} in shares
    lines = served.run("shares", over_tcp).stdout.splitlines()
    assert [line.split()[0] for line in lines] == [share["name"] for share in shares]
    assert lines[-1].startswith("IPC$ ")
    result = served.run("shares", over_quic)
    assert (result.returncode, result.stdout) == (5, "")
    assert "does not list its shares over QUIC (STATUS_ACCESS_DENIED)" in result.stderr


def test_relay_carries_tcp_over_quic(served: Served, tmp_path: Path) -> None:
    server = served.url().replace("alice@", "").partition("/data")[0]
    (served.folder / "relayed.txt").write_text("over the relay")
    with running("relay", "--listen", "tcp://127.0.0.1:0", "--ca", served.ca, server) as ready:
        port = ready["listeners"][0].rpartition(":")[2]
        result = smbquic("cat", f"smb://alice@127.0.0.1:{port}/data/relayed.txt")
    assert (result.returncode, result.stdout) == (0, "over the relay")


@pytest.mark.parametrize("redirection", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_end_nothing(served: Served, redirection: str) -> None:
    result = subprocess.run(
        [
            *("/bin/sh", "-c", f'exec "$@" {redirection}', "sh"),
            *(sys.executable, "-m", "smbquic", "stat", "--ca", served.ca, served.url()),
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env=environment(SMBQUIC_PASSWORD=PASSWORD),
        check=False,
    )
    lost = ">&-" in redirection and redirection != "2>&-"
    assert result.returncode == (1 if lost else 0), result.stderr
    if redirection == ">&-":
        assert result.stderr == "smbquic: standard output: Bad file descriptor\n"
