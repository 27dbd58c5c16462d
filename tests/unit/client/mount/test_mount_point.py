import errno
import os
import sys
from pathlib import Path

import pytest

from smbquic.client.mount import mount_point
from smbquic.client.mount.mount_point import check_device, check_mount_point
from smbquic.errors import MountError


def test_an_empty_folder(tmp_path: Path) -> None:
    check_mount_point(tmp_path)


def test_what_cannot_be_mounted_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MountError, match=f"missing does not exist: .* mkdir {tmp_path}"):
        check_mount_point(tmp_path / "missing")
    with pytest.raises(MountError, match="file is no folder"):
        check_mount_point(tmp_path / "file")
    with pytest.raises(MountError, match="is not empty"):
        check_mount_point(tmp_path)
    with pytest.raises(MountError, match="mounted on /proc already: run umount /proc"):
        check_mount_point(Path("/proc"))

    def stale(path: Path) -> bool:
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    monkeypatch.setattr(Path, "is_mount", stale)
    with pytest.raises(MountError, match=r"not connected; if a mount was left there, run umount"):
        check_mount_point(tmp_path)


def test_a_machine_without_fuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(mount_point, "DEVICE", tmp_path / "fuse")
    with pytest.raises(MountError, match="fuse is missing: run modprobe fuse"):
        check_device()
    (tmp_path / "fuse").touch()
    check_device()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(MountError, match="may not be opened by this user"):
        check_device()
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(MountError, match="net use"):
        check_device()
    # macOS has its own.
    monkeypatch.setattr(sys, "platform", "darwin")
    check_device()
