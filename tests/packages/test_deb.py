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
from tests.docs.service import start_command
from tests.packages.conftest import EPOCH
from tests.packages.machine import DebianMachine

UNIT = Path("usr/lib/systemd/system/smbquic.service")
SERVING = r"serving on quic://.*:443"
WRITTEN = "find /run/written -not -type d -printf '/%P\\n'\n"
# dpkg's own notes, and the lists of users, which are compared.
ALLOWED = (
    "/var/lib/dpkg/",
    "/var/cache/",
    "/var/log/",
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
    shutil.copy(deb, machine.folder / "smbquic.deb")
    newer(deb, machine.folder)
    root.run(f"cd {machine.folder}; cp /etc/hosts /etc/passwd /etc/group /run\n")

    # Installed: a user, a configuration that serves, a service that is enabled.
    root.run("dpkg -i smbquic.deb\n")
    assert "version" in root.run("smbquic --version\n")
    shown = root.run("stat -c '%U:%G %a' /etc/smbquic /etc/smbquic/users.txt /srv/smbquic\n")
    assert shown.split("\n")[:3] == [
        "root:smbquic 750",
        "smbquic:smbquic 600",
        "smbquic:smbquic 750",
    ]
    root.run("test -L /etc/systemd/system/multi-user.target.wants/smbquic.service\n")
    root.run("smbquic user add alice --users /etc/smbquic/users.txt\n")
    unit = tmp_path / "smbquic.service"
    unit.write_text(root.run(f"cat /{UNIT}\n"))

    # Serves on UDP port 443 as a user without rights.
    script = start_command(unit)
    service.start(script)
    service.wait_for(SERVING)
    shown = root.run("grep -E 'Uid|CapEff|NoNew' /proc/$(pgrep -o -u smbquic -f serve)/status\n")
    assert "CapEff:\t0000000000000400" in shown  # CAP_NET_BIND_SERVICE
    assert "Uid:\t0" not in shown
    root.run("cp /var/lib/smbquic/pki/ca.pem /run/ca.pem; echo kept >/run/report.txt\n")
    url = "smb+quic://alice@localhost/data"
    root.run(f"smbquic put --ca /run/ca.pem /run/report.txt {url}/\n")

    # An upgrade keeps what the administrator, the users and the server have written.
    names = "s/^# (private_names = ..fs.example)/\\1/"
    root.run(f"sed -Ei '{names}' /etc/smbquic/smbquic.toml\n")
    root.run("dpkg -i newer.deb\n")
    service.interrupt()
    service.start(script)
    service.wait_for(SERVING)
    shown = root.run(
        f"smbquic cat --ca /run/ca.pem {url.replace('localhost', 'fs.example')}/report.txt\n"
    )
    assert "kept" in shown
    service.interrupt()

    # Removed: programs and the service are gone. Purged: all but the data, and whose it is.
    root.run("dpkg -r smbquic\n")
    root.run(
        "test ! -e /usr/bin/smbquic -a ! -e /usr/lib/smbquic; test -e /etc/smbquic/users.txt\n"
    )
    root.run("dpkg -P smbquic\n")
    assert left(root.run(WRITTEN)) == ["/etc/hosts", "/srv/smbquic/report.txt"]
    assert root.run("stat -c %U /srv/smbquic/report.txt\n") == "smbquic\n"

    # Without data nothing is left, the user included.
    root.run("dpkg -i smbquic.deb; rm /srv/smbquic/report.txt; dpkg -P smbquic\n")
    assert left(root.run(WRITTEN)) == ["/etc/hosts"]
    root.run("cmp /etc/passwd /run/passwd; cmp /etc/group /run/group\n")


def left(shown: str) -> list[str]:
    """Return the files that a package has left behind."""
    return sorted(each for each in shown.split() if not each.startswith(ALLOWED))
