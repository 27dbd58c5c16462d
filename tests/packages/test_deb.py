"""The Debian package: installed, serving, upgraded, removed and purged, by dpkg itself.

Where systemd would start the service, the test does what the unit says.
"""

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SEARCH_PATH
from tests.docs.pages import ROOT
from tests.docs.reading import Reader
from tests.docs.service import start_command
from tests.packages.conftest import EPOCH
from tests.packages.machine import DebianMachine

ENABLED = "/etc/systemd/system"
SERVING = r"serving on quic://.*:443"
WRITTEN = "find /run/written -not -type d -printf '/%P\\n'\n"
# dpkg's own notes, and the lists of users, which are compared.
ALLOWED = (
    "/var/lib/dpkg/",
    "/var/cache/",
    "/var/log/",
    "/var/lib/apt/",
    "/tmp/",
    *(f"/etc/{name}" for name in ("group", "gshadow", "passwd", "shadow", "subgid", "subuid")),
    "/etc/.pwd.lock",
)


@pytest.fixture(scope="module")
def deb(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    folder = tmp_path_factory.mktemp("deb")
    scripts = sysconfig.get_path("scripts")
    done = subprocess.run(
        [ROOT / "packaging" / "build-deb", wheel, folder],
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "PATH": f"{scripts}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [found] = folder.glob("*.deb")
    return found


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[DebianMachine]:
    with DebianMachine(tmp_path / "machine", {"PATH": f"{SEARCH_PATH}:/usr/sbin:/sbin"}) as machine:
        yield machine


def newer(deb: Path, folder: Path) -> Path:
    """Return the same package as if it were the next version."""
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(control.read_text().replace("Version: ", "Version: 9:"))
    package = folder / "newer.deb"
    subprocess.run(["dpkg-deb", "-Znone", "-b", tree, package], check=True, capture_output=True)
    shutil.rmtree(tree)
    return package


@pytest.mark.debian("dpkg-deb")
def test_the_life_of_a_package(machine: DebianMachine, deb: Path, tmp_path: Path) -> None:
    root, service = machine.terminal("root"), machine.terminal("service")
    shutil.copy(deb, machine.home)
    newer(deb, machine.folder)
    root.run("cp /etc/hosts /etc/passwd /etc/group /run")
    with Reader(machine, "docs/howto/install.md") as reader:
        reader.leave_out("python3 -m build", why="the fixtures do")
        reader.leave_out("pipx install", why="test_wheel.py does")
        reader.leave_out("pip install ./smbquic_native", why=".ci/run does")

        # Installed: a user, a configuration that serves, a service that is enabled.
        reader.run("apt install", root)
        shown = root.run("stat -c '%U:%G %a' /etc/smbquic /etc/smbquic/users.txt /srv/smbquic")
        assert shown.split("\n")[0] == "root:smbquic 750"
        assert shown.split("\n")[1] == "smbquic:smbquic 600"
        assert shown.split("\n")[2] == "smbquic:smbquic 750"
        root.run(f"test -L {ENABLED}/multi-user.target.wants/smbquic.service")
        root.run(f"test ! -e {ENABLED}/sockets.target.wants/smbquic.socket")
        reader.leave_out("systemctl restart", why="there is no systemd on this machine")

        # Serves on UDP port 443 as a user without rights.
        unit = tmp_path / "smbquic.service"
        unit.write_text(root.run("cat /usr/lib/systemd/system/smbquic.service"))
        script = start_command(unit)
        service.start(script)
        service.wait_for(SERVING)
        shown = root.run("grep -E 'Uid|CapEff' /proc/$(pgrep -o -u smbquic -f serve)/status")
        assert "CapEff:\t0000000000000400" in shown  # CAP_NET_BIND_SERVICE
        assert "Uid:\t0" not in shown
        root.run("echo kept >/srv/smbquic/report.txt; chown smbquic: /srv/smbquic/report.txt")
        assert "report.txt" in reader.run("cp /var/lib/smbquic/pki/ca.pem", root)

        # An upgrade keeps what the administrator and the server have written.
        names = r"s/^# (private_names = ..fs.example)/\1/"
        root.run(f"sed -Ei '{names}' /etc/smbquic/smbquic.toml")
        root.run(f"dpkg -i {machine.folder}/newer.deb")
        service.interrupt()
        service.start(script)
        service.wait_for(SERVING)
        url = "smb+quic://alice@fs.example/data/report.txt"
        assert "kept" in root.run(f"smbquic cat --ca ~/ca.pem {url}")
        service.interrupt()

        # Removed: programs and the service are gone. Purged: all but the data, and whose it is.
        reader.leave_out("apt remove", why="apt asks before it removes; dpkg does the same")
        root.run("dpkg -r smbquic")
        root.run("test ! -e /usr/bin/smbquic -a ! -e /usr/lib/smbquic -a -e /etc/smbquic/users.txt")
        root.run("dpkg -P smbquic")
        assert left(root.run(WRITTEN)) == ["/etc/hosts", "/srv/smbquic/report.txt"]
        assert root.run("stat -c %U /srv/smbquic/report.txt") == "smbquic\n"

        reader.leave_out("ok      installs", why="tests/packages/__main__.py has printed it")

        # Without data nothing is left, the user included.
        root.run(f"dpkg -i {deb.name}; rm /srv/smbquic/report.txt; dpkg -P smbquic")
        assert left(root.run(WRITTEN)) == ["/etc/hosts"]
        root.run("cmp /etc/passwd /run/passwd; cmp /etc/group /run/group")


def left(shown: str) -> list[str]:
    """Return the files that a package has left behind."""
    return sorted(each for each in shown.split() if not each.startswith(ALLOWED))
