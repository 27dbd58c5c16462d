"""The pages about certificates, and who may log on with one, word for word."""

import shutil

import pytest

from tests.docs.machine import Machine
from tests.docs.pages import ROOT
from tests.docs.reading import Reader

SERVING = r"serving on quic://0\.0\.0\.0:8443"


@pytest.mark.debian("openssl")
def test_certificates(machine: Machine) -> None:
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


@pytest.mark.debian("openssl")
def test_what_certificates_look_like(machine: Machine) -> None:
    admin = machine.terminal("admin")
    shutil.copytree(ROOT / "certs", machine.home / "certs")
    with Reader(machine, "certs/README.md") as reader:
        reader.run("smbquic pki init", admin)
        reader.run("profile=", admin)
        admin.run("smbquic pki verify server.pem --ca ca.pem --name fs.example")
