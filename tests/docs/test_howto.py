"""The how-to guides, and the page about certificates, word for word."""

import re
import shutil
from importlib.util import find_spec

import pytest

from tests.docs.machine import PASSWORD, ReaderMachine
from tests.docs.pages import ROOT
from tests.docs.reading import READY, Reader

SERVING = r"serving on quic://0\.0\.0\.0:8443"


def test_serving(machine: ReaderMachine) -> None:
    server, client = machine.terminal("server"), machine.terminal("client")
    (machine.srv / "manuals").mkdir()
    (machine.home / "report.pdf").touch()
    with Reader(machine, "docs/howto/serve.md") as reader:
        shown = reader.start("smbquic serve .", server, ready=READY)
        client.password = found(r"with the password (\S+)", shown)
        client.run("cp ~/.local/share/smbquic/pki/ca.pem .")
        assert "report.pdf" in client.run(found(r"(?m)^ *(smbquic ls .*)$", shown))
        client.password = PASSWORD
        server.interrupt()
        reader.start("smbquic serve --share data=/srv/data --user alice", server, ready=READY)
        server.interrupt()
        reader.start("smbquic user add alice", server, ready=READY)
        assert "manuals" in reader.run("smbquic status", client)


def test_using_a_share(machine: ReaderMachine) -> None:
    server, client = machine.terminal("server"), machine.terminal("client")
    (machine.srv / "data" / "photos").mkdir()
    (machine.srv / "data" / "photos" / "sea.jpg").write_bytes(b"waves")
    (machine.home / "report.pdf").write_bytes(b"%PDF-1.7 It went well.")
    server.start(
        "smbquic serve --share data=/srv/data --user alice --name fs.example"
        " --listen quic://0.0.0.0:8443\n"
    )
    server.wait_for(READY)
    client.run("cp ~/.local/share/smbquic/pki/ca.pem .")
    with Reader(machine, "docs/howto/use-a-share.md") as reader:
        reader.run("export SMBQUIC_CA", client)
        assert (machine.home / "photos" / "sea.jpg").read_bytes() == b"waves"
        assert (machine.srv / "data" / "in" / "report.pdf").is_file()
        shown = reader.run("smbquic find", client)
        assert "in/report.pdf" in shown
        assert "ent well." in shown
        reader.start("smbquic shell smb+quic", client, ready="data:/> ")
        assert "report.pdf" in client.type("ls in\nexit\n")
        assert reader.run("smbquic shell smb+quic", client).split()[-1] == "1"
        assert (machine.srv / "data" / "new" / "report.pdf").is_file()

        client.run("mkdir -p ~/.config/smbquic")
        reader.write("[profiles.fs]", client, file="~/.config/smbquic/config.toml")
        assert "ca = ca.pem  (environment SMBQUIC_CA)" in reader.run("smbquic get fs:", client)
        assert (machine.home / "copy.pdf").is_file()
        reader.leave_out("keyring set", why="a desktop has a keyring, and this machine has none")
        assert "completions/smbquic is written" in reader.run("smbquic completion", client)
        assert "share" in reader.run("smbquic probe", client)
        assert "QUIC to" in reader.run("smbquic ping --transport", client)
        assert "2 connections: " in reader.run("smbquic ping --channels", client)

        relay = machine.terminal("relay")
        reader.start("smbquic relay", relay, ready="4450")
        listing = reader.run_with("smbclient", "smbclient //127.0.0.1", client)
        assert listing is None or "report.pdf" in listing
        reader.leave_out("smbquic relay --once", why="test_relay_command runs it")
        reader.leave_out("sudo mount -t cifs", why="takes a kernel with SMB, macOS, and a desktop")
        reader.leave_out("smbclient //fs.example", why="takes Samba 4.23, which Debian 13 has not")
        reader.leave_out("net use", why="for Windows")

        assert "It went well" in reader.python("import asyncio", client)
        shown = reader.python("import asyncio", client)
        assert r"['first\n', 'second\n']" in shown
        assert "modified in/notes.txt" in shown
        assert "report.pdf 22" in reader.python("import getpass", client)
        assert "'report.pdf'" in reader.python("import asyncio", client)
        shown = reader.python("import asyncio", client)
        assert "22\nb'%PDF-1.7'\nFalse" in shown.replace("\r", "")
        old = machine.srv / "data" / "in" / "old.pdf"
        assert old.read_bytes() == b"%PDF-1.8 It went well."


def test_the_gateway(machine: ReaderMachine) -> None:
    backend, gateway, client = map(machine.terminal, ("backend", "gateway", "client"))
    (machine.srv / "data" / "photos").mkdir()
    backend.start(
        "smbquic serve --share data=/srv/data --user alice --no-extended-protection"
        " --target-name fs.example --listen tcp://127.0.0.1:4450\n"
    )
    backend.wait_for("serving on tcp://")
    ready = r"gateway on quic://0\.0\.0\.0:8443"
    with Reader(machine, "docs/howto/gateway.md") as reader:
        reader.leave_out("smbquic gateway --listen", why="port 445 of nas is not on this machine")
        gateway.start(
            "smbquic gateway --listen quic://0.0.0.0:8443 --backend tcp://127.0.0.1:4450"
            " --name fs.example\n"
        )
        gateway.wait_for(ready)
        client.run("cp ~/.local/share/smbquic/pki/ca.pem .")
        assert "photos" in reader.run("export SMBQUIC_CA", client)
        assert "tcp://127.0.0.1:4450 is up" in reader.run("smbquic status", client)
        gateway.interrupt()
        reader.write("listen = ", gateway, file="gateway.toml")
        shown = reader.start("smbquic config check", gateway, ready=ready)
        assert "weight=2" in shown
        reader.leave_out("server smb encrypt", why="for smbd")
        reader.leave_out("[Service]", why="for the unit of smbd")
        reader.leave_out("aio read size", why="for smbd")
        reader.leave_out("Set-SmbServerConfiguration", why="for Windows")


def test_monitoring(machine: ReaderMachine) -> None:
    shutil.copytree(ROOT / "examples", machine.home / "examples")
    server, admin = machine.terminal("server"), machine.terminal("admin")
    with Reader(machine, "docs/howto/monitoring.md") as reader:
        reader.leave_out("pip install", why="it is installed, and there is no network")
        reader.start("smbquic serve", server, ready=READY)
        reader.leave_out("[web]", why="the option is the same")
        shown = reader.run_with("curl", "curl -s", admin)
        assert shown is None or re.search(r'connections\{transport="quic"\} 0.0\s.*ok', shown, re.S)
        assert "SUCCESS" in (reader.run_with("promtool", "cd examples", admin) or "SUCCESS")
        reader.leave_out("prometheus --config", why="tests/interop/test_prometheus.py runs it")
        reader.leave_out("pip install", why="it is installed, and there is no network")
        server.interrupt()
        # tests/integration/test_traces.py has a collector.
        reader.start("smbquic serve", server, ready=READY)
        reader.write("[traces]", admin, file="traces.toml")
        assert "slow_seconds = 0.5  (line" in admin.run("smbquic config check traces.toml")
        assert "echo 1: " in reader.run("export SMBQUIC_CA", admin)


def test_the_status_page(machine: ReaderMachine) -> None:
    server, admin = machine.terminal("server"), machine.terminal("admin")
    with Reader(machine, "docs/howto/status-page.md") as reader:
        reader.leave_out("pip install", why="it is installed, and there is no network")
        reader.start("smbquic serve", server, ready=READY)
        url = found(r"status page on (\S+)", reader.run("smbquic status", admin))
        reader.leave_out("  status page on", why="it was printed before")
        reader.leave_out("ssh -L", why="there is no SSH server")
        page, _, token = url.partition("#token=")
        check = f"curl -s -H 'Authorization: Bearer {token}' {page}api/overview"
        assert '"kind":"server"' in admin.run(check)


def test_workers(machine: ReaderMachine) -> None:
    server, admin = machine.terminal("server"), machine.terminal("admin")
    with Reader(machine, "docs/howto/workers.md") as reader:
        reader.start("smbquic serve", server, ready=READY)
        shown = admin.run("smbquic status")
        assert "worker 0, process" in shown
        assert "worker 1, process" in shown
        reader.leave_out("  worker 0, process", why="it was printed before")


def test_containers(machine: ReaderMachine) -> None:
    shutil.copytree(ROOT / "examples", machine.home / "examples")
    admin = machine.terminal("admin")
    # tests/docs/test_examples.py runs what is in the containers.
    with Reader(machine, "docs/howto/containers.md") as reader:
        reader.leave_out("docker build", why="there is no Docker")
        reader.run("smbquic pki init", admin)
        assert admin.run("stat -c %a gateway/tls.crt gateway/tls.key").split() == ["644", "600"]
        assert "tls.crt" in admin.run("smbquic config check gateway/gateway.toml")
        reader.leave_out("sudo chown 10001", why="there is no Docker")
        reader.leave_out("docker compose kill", why="there is no Docker")
        reader.leave_out("kubectl create namespace", why="there is no cluster")
        reader.leave_out("kubectl apply", why="there is no cluster")


def test_a_cluster(machine: ReaderMachine) -> None:
    why = "tests/cluster does it, with the settings that are compared in test_cluster_page.py"
    with Reader(machine, "docs/howto/cluster.md") as reader:
        reader.leave_out(" clients", why="a picture")
        for begins in ("apt install glusterfs-server", "mount -t glusterfs", "198.18.0.21"):
            reader.leave_out(begins, why=why)
        for begins in ("[cluster]", "KeepaliveInterval", "[global]", "listen =", "smbquic gateway"):
            reader.leave_out(begins, why=why)
        reader.leave_out("python -m tests.cluster", why="takes a quarter of an hour, and root")
        reader.leave_out("started in", why="shows what that has printed")


def test_keeping_folders_alike(machine: ReaderMachine) -> None:
    server, client = machine.terminal("server"), machine.terminal("client")
    photos = machine.home / "photos"
    for name in ("2026/sea.jpg", "raw/sea.nef", "raw/sea.jpg", "x.tmp"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).write_bytes(name.encode())
    server.start(
        "smbquic serve --share data=/srv/data --user alice --name fs.example"
        " --listen quic://0.0.0.0:8443\n"
    )
    server.wait_for(READY)
    client.run("cp ~/.local/share/smbquic/pki/ca.pem .")
    data = machine.srv / "data"
    with Reader(machine, "docs/howto/sync.md") as reader:
        shown = reader.run("export SMBQUIC_CA", client)
        assert shown.count("copied 4 files") == 2
        (photos / "x.tmp").unlink()
        shown = reader.run("smbquic sync --dry-run", client)
        assert "would delete x.tmp" in shown
        assert "3 files the same, 0 differ" in shown
        assert not (data / "photos" / "x.tmp").exists()
        reader.run("smbquic copy --include", client)
        assert sorted(path.name for path in (data / "jpegs").rglob("*.jpg")) == ["sea.jpg"] * 2
        assert [path.name for path in (data / "this-year").rglob("*.*")] == ["sea.jpg"]
        assert "3 unchanged" in reader.run("smbquic copy --resume", client)
        assert "3 unchanged" in reader.python("import asyncio", client)


def test_using_fsspec(machine: ReaderMachine) -> None:
    server, client = machine.terminal("server"), machine.terminal("client")
    server.start(
        "smbquic serve --share data=/srv/data --user alice --name fs.example"
        " --listen quic://0.0.0.0:8443 --listen tcp://0.0.0.0:4450\n"
    )
    server.wait_for(READY)
    client.run("cp ~/.local/share/smbquic/pki/ca.pem .")
    with Reader(machine, "docs/howto/python-ecosystem.md") as reader:
        reader.leave_out("pip install", why="it is installed, and there is no network")
        shown = reader.python("import getpass", client)
        assert "['/data/in/notes.txt']" in shown
        assert "b'two\\n'" in shown
        if find_spec("pandas") is None:
            reader.leave_out("import getpass", why="pandas is not installed")
        else:
            assert "3" in reader.python("import getpass", client)
        assert "'copy.txt'" in reader.python("import getpass", client)
        assert "'/data/in'" in reader.python("import getpass", client)
        assert "notes.txt" in reader.python("import getpass", client)
        assert (machine.home / "notes.txt").read_text() == "one\ntwo\n"


def test_mounting(machine: ReaderMachine) -> None:
    with Reader(machine, "docs/howto/mount.md") as reader:
        reader.leave_out("apt install", why="it is installed, and there is no network")
        # tests/integration/test_mount_command.py runs these, and what follows them.
        for begins in ("export SMBQUIC_CA", "cp report.pdf", "smbquic mount --background"):
            reader.leave_out(begins, why="an ordinary user has no /dev/fuse here")
        for begins in ("mount.smbquic#", "smb+quic://", "[Unit]"):
            reader.leave_out(begins, why="for the boot of a machine")


def test_another_storage(machine: ReaderMachine) -> None:
    server, client = machine.terminal("server"), machine.terminal("client")
    with Reader(machine, "docs/howto/storage.md") as reader:
        reader.start("smbquic serve --share tmp=memory:", server, ready=READY)
        server.interrupt()
        reader.write("import asyncio", server, file="archive.py")
        reader.start("mkdir -p letters", server, ready="serving on quic://")
        shown = reader.run("smbquic tree", client)
        assert "bob.txt" in shown
        assert "Dear Bob," in shown
        server.interrupt()
        reader.write("from zipfile", client, file="test_archive.py")
        assert " passed" in reader.run("python3 -m pytest", client)


@pytest.mark.debian("openssl")
def test_certificates(machine: ReaderMachine) -> None:
    admin, server = machine.terminal("admin"), machine.terminal("server")
    with Reader(machine, "docs/howto/certificates.md") as reader:
        reader.run("smbquic pki init", admin)
        assert "alice@corp.example" in reader.run("smbquic pki inspect", admin)
        reader.start("smbquic user add", server, ready=SERVING)
        server.interrupt()
        reader.run("smbquic pki renew", admin)
        reader.run("smbquic pki issue ./pki lost", admin)
        assert "refused, with exit code 4" in reader.run("smbquic pki verify pki/lost.pem", admin)
        reader.run("smbquic pki replace-intermediate", admin)

        reader.run("openssl pkcs12", admin)
        reader.leave_out("Import-PfxCertificate", why="for Windows")
        assert "clientAuth" in reader.run("(umask 077", admin)
        reader.start("openssl pkcs12", server, ready=SERVING)
        server.interrupt()
        reader.write("users_file", admin, file="pfx.toml")
        reader.start("smbquic serve -c pfx.toml", server, ready=SERVING)
        server.interrupt()

        reader.write("users_file", admin, file="smbquic.toml")
        shown = reader.run("smbquic access check", admin)
        assert "may log on as: alice" in shown
        assert "denied, with exit code 4" in shown
        reader.start("smbquic serve -c smbquic.toml", server, ready=SERVING)
        (machine.srv / "data" / "hello.txt").touch()
        assert "hello.txt" in reader.run("smbquic ls", admin)
        server.interrupt()

        reader.leave_out("certbot", why="a public authority asks the machine behind a public name")
        reader.leave_out("step ca", why="asks a running step-ca")
        reader.run("openssl req", admin)
        reader.leave_out("certreq", why="for Windows")


def test_acme(machine: ReaderMachine) -> None:
    admin = machine.terminal("admin")
    admin.run("touch users.txt step-root.pem eab.key dns-hook && mkdir pki && touch pki/ca.pem")
    admin.run("chmod 600 users.txt eab.key")
    why = "a public authority asks the machine behind a public name"
    with Reader(machine, "docs/howto/acme.md") as reader:
        reader.leave_out("smbquic serve --share", why=why)
        reader.write("users_file", admin, file="smbquic.toml")
        assert 'names = ["fs.example"]' in reader.run("smbquic config check", admin)
        reader.leave_out("smbquic serve -c smbquic.toml", why=why)
        for challenge in ("dns-01", "http-01", "http-01", "http-01"):
            reader.write("users_file", admin, file="another.toml")
            shown = admin.run("smbquic config check another.toml")
            assert f'challenge = "{challenge}"' in shown


@pytest.mark.debian("openssl")
def test_what_certificates_look_like(machine: ReaderMachine) -> None:
    admin = machine.terminal("admin")
    shutil.copytree(ROOT / "certs", machine.home / "certs")
    with Reader(machine, "certs/README.md") as reader:
        reader.run("smbquic pki init", admin)
        reader.run("profile=", admin)
        admin.run("smbquic pki verify server.pem --ca ca.pem --name fs.example")


def found(pattern: str, shown: str) -> str:
    match = re.search(pattern, shown)
    assert match is not None, shown
    return match[1]
