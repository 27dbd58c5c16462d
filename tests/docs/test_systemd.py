"""docs/howto/systemd.md, word for word by root, on a machine where everything is but systemd.

In its place the test does what the unit says: it starts the unit's program, as its user, with its
one capability and the folders that systemd would make.
"""

from tests.docs.machine import RootsMachine
from tests.docs.pages import ROOT
from tests.docs.reading import Reader
from tests.docs.service import start_command

UNIT = ROOT / "packaging" / "smbquic.service"
GATEWAY = """
[[certificate]]
file = "server.pem"
key = "server.key"

[gateway.pools.nas]
backends = ["tcp://nas:445"]
"""
SERVING = r"serving on quic://.*:443"


def test_serving_from_systemd(roots_machine: RootsMachine) -> None:
    root, service = roots_machine.terminal("root"), roots_machine.terminal("service")
    root.run("cd ~/smbquic")
    with Reader(roots_machine, "docs/howto/systemd.md") as reader:
        assert "version" in reader.run("python3 -m venv", root)
        reader.run("useradd", root)
        reader.write("users_file", root, file="/etc/smbquic/smbquic.toml")
        reader.run("smbquic pki init", root)
        reader.run("smbquic user add alice", root)
        owner = root.run("stat -c '%U %a' /etc/smbquic/users.txt")
        assert owner == "smbquic 600\n"

        reader.leave_out("systemctl daemon-reload", why="there is no systemd on this machine")
        service.start(start_command(UNIT))
        service.wait_for(SERVING)

        assert "/etc/smbquic/server.pem" in reader.run("smbquic status", root)
        (roots_machine.srv / "smbquic" / "hello.txt").touch()
        assert "hello.txt" in reader.run("smbquic ls", root)
        assert "smbquic 600" in root.run("stat -c '%U %a' /var/log/smbquic/audit.jsonl")
        # What `systemctl reload` does; there is one server on the machine.
        assert "no option has changed" in root.run("smbquic reload")
        service.wait_for("reloaded")
        service.interrupt()

        root.run(f"cat >/etc/smbquic/gateway.toml <<'END'\n{GATEWAY}END\n")
        service.start(
            start_command(UNIT, "/usr/local/bin/smbquic gateway -c /etc/smbquic/gateway.toml")
        )
        service.wait_for(r"gateway on quic://.*:443")
        assert "tcp://nas:445" in root.run("smbquic status")
        service.interrupt()

        reader.start("smbquic serve", root, ready=SERVING)
        root.interrupt()
        reader.leave_out("install -m 0644 packaging/smbquic.socket", why="systemd opens them")
        reader.leave_out("journalctl", why="there is no journal on this machine")
        reader.leave_out("/var/log/smbquic/audit.jsonl {", why="logrotate runs beside systemd")
