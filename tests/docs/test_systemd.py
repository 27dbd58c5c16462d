"""docs/howto/systemd.md, word for word by root, on a machine where everything is but systemd.

In its place the test does what the unit says: it starts the unit's program, as its user, with its
one capability and the folders that systemd would make.
"""

import configparser
import shlex

from tests.docs.machine import RootsMachine
from tests.docs.pages import ROOT
from tests.docs.reading import Reader

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
        service.start(_as_the_unit_says())
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
            _as_the_unit_says("/usr/local/bin/smbquic gateway -c /etc/smbquic/gateway.toml")
        )
        service.wait_for(r"gateway on quic://.*:443")
        assert "tcp://nas:445" in root.run("smbquic status")
        service.interrupt()

        reader.start("smbquic serve", root, ready=SERVING)
        root.interrupt()
        reader.leave_out("install -m 0644 packaging/smbquic.socket", why="systemd opens them")
        reader.leave_out("/var/log/smbquic/audit.jsonl {", why="logrotate runs beside systemd")


def _as_the_unit_says(command: str = "") -> str:
    """A script that does for the service what systemd would; for another command, if given."""
    # Options that stand there several times are none of those that are looked at.
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read_string(UNIT.read_text())
    service = unit["Service"]
    user, group = service["User"], service["Group"]
    capability = service["AmbientCapabilities"].removeprefix("CAP_").lower()
    logs, run = f"/var/log/{service['LogsDirectory']}", f"/run/{service['RuntimeDirectory']}"
    become = ["setpriv", "--reuid", user, "--regid", group, "--init-groups", "--no-new-privs"]
    become += ["--bounding-set", f"-all,+{capability}", "--inh-caps", f"-all,+{capability}"]
    become += ["--ambient-caps", f"-all,+{capability}"]
    return f"""
        install -d -o {user} -g {group} -m {service["LogsDirectoryMode"]} {logs}
        install -d -o {user} -g {group} -m {service["RuntimeDirectoryMode"]} {run}
        umask {service["UMask"]}
        cd /
        unset HOME USER XDG_RUNTIME_DIR TMPDIR
        export LOGS_DIRECTORY={logs} RUNTIME_DIRECTORY={run}
        {shlex.join(become)} {command or service["ExecStart"]}
    """
