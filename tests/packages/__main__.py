"""The Debian package under a real systemd: `python -m tests.packages [FOLDER]`, as root, by hand.

debootstrap makes a Debian in FOLDER, if there is none, and systemd-nspawn boots it: without a
network, and on a machine that need not have systemd itself. It takes two minutes, and five the
first time. Prints what was checked, and ends with exit code 1 if something is not so.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.packages.conftest import EPOCH, build
from tests.packages.test_deb import newer

ROOT = Path(__file__).parents[2]
INCLUDE = "adduser,dbus,iproute2,libcap2-bin,procps,python3,systemd,systemd-sysv"
# In namespaces of its own: a folder for sockets, and control groups as systemd wants them.
BOOT = """
mount -t tmpfs none /run
umount --recursive --lazy /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mkdir -p /sys/fs/cgroup/trial
echo $$ >/sys/fs/cgroup/trial/cgroup.procs
exec systemd-nspawn --quiet --keep-unit --register=no --private-network --directory "$1" --boot
"""
UNIT = """
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash /root/trial
ExecStopPost=/bin/systemctl poweroff
TimeoutStartSec=300
"""
TRIAL = Path(__file__).with_name("trial.sh")


def main(folder: Path) -> int:
    """Make the machine and the package, boot, and print what was checked."""
    scratch = Path(tempfile.mkdtemp())
    try:
        if not (folder / "usr").exists():
            mirror = debian_mirror()
            subprocess.run(
                [
                    "debootstrap",
                    "--variant=minbase",
                    f"--include={INCLUDE}",
                    "trixie",
                    folder,
                    mirror,
                ],
                check=True,
                stdout=subprocess.DEVNULL,
            )
        [wheel] = build(scratch, zone="UTC", mask=0o022).glob("*.whl")
        environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
        packages = scratch / "packages"
        packages.mkdir()
        subprocess.run(
            [ROOT / "packaging" / "build-deb", wheel, packages],
            check=True,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        [deb] = packages.glob("*.deb")
        shutil.copy(deb, folder / "root" / "smbquic.deb")
        shutil.copy(newer(deb, scratch), folder / "root" / "newer.deb")
        return trial(folder)
    finally:
        shutil.rmtree(scratch)


def debian_mirror() -> str:
    """Return where this machine's packages of Debian are from."""
    shown = subprocess.check_output(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)"], text=True
    )
    [found, *_] = re.findall(r"(?m)^(\S+) (?:trixie|stable)$", shown)
    return str(found)


def trial(folder: Path) -> int:
    """Boot the Debian in `folder`, and print what was checked there."""
    shutil.copy(TRIAL, folder / "root" / "trial")
    system = folder / "etc" / "systemd" / "system"
    (system / "trial.service").write_text(UNIT)
    wants = system / "default.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / "trial.service").unlink(missing_ok=True)
    (wants / "trial.service").symlink_to("../trial.service")
    result = folder / "root" / "result"
    result.unlink(missing_ok=True)
    subprocess.run(
        ["unshare", "--mount", "bash", "-ec", BOOT, "boot", folder],
        timeout=400,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    shown = result.read_text()
    sys.stdout.write(shown)
    return 1 if "FAILED" in shown or not shown.endswith("end\n") else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "/var/tmp/smbquic-debian")))
