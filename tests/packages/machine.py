"""A machine on which packages of Debian are installed, and which is gone afterwards."""

from tests.docs.machine import RootsMachine

# What is written anywhere is kept in memory, above the machine's own files.
_BOOT = r"""
mount --make-rprivate /
ip link set lo up
mkdir "$1/layer"
mount -t tmpfs none "$1/layer"
cd "$1/layer"
mkdir upper work root
mount -t overlay none -o lowerdir=/,upperdir=upper,workdir=work root
mount --rbind /dev root/dev
mount -t proc proc root/proc
mount -t tmpfs none root/run
mkdir -p root/run/written root/run/outside
mount --bind upper root/run/written
mount --bind "$1" "root$1"
cp "$1/hosts" root/etc/hosts
cd root
pivot_root . run/outside
umount -l /run/outside
rmdir /run/outside
cd /
"""


class DebianMachine(RootsMachine):
    """Everything can be changed on it, and `/run/written` has what was."""

    _enter = ("--net", "--mount", "--root", "--wdns=/")
    _boot = _BOOT
