import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smbquic.storage.local import xattrs


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    """An open file that nothing is stored with."""
    (tmp_path / "file").touch()
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    yield fd
    os.close(fd)


def error_of(action: Callable[[], object]) -> int | None:
    """The `errno` that it fails with."""
    try:
        action()
    except OSError as error:
        return error.errno
    return None


def failing(code: int) -> Callable[..., object]:
    def fail(*_: object) -> object:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("user.DOSATTRIB", True),
        ("user.dosattrib", True),
        ("user.DosStream.x:$DATA", True),
        ("user.DosStreamExt.1.x", True),
        ("user.smbquic.sd", True),
        ("user.SAMBA_PAI", True),
        ("user.NTACL", True),
        ("user.smbquick", False),
        ("user.comment", False),
    ],
)
def test_what_servers_keep_for_themselves(name: str, own: bool) -> None:
    assert xattrs.is_own(name) == own


def test_values_come_and_go(fd: int) -> None:
    assert xattrs.names(fd) == []
    assert xattrs.get(fd, "user.x") is None
    assert not xattrs.remove(fd, "user.x")

    xattrs.put(fd, "user.x", b"value")

    assert xattrs.names(fd) == ["user.x"]
    assert xattrs.get(fd, "user.x") == b"value"
    assert xattrs.remove(fd, "user.x")
    assert xattrs.get(fd, "user.x") is None


@pytest.mark.parametrize("code", [errno.E2BIG, errno.ERANGE, errno.ENOSPC])
def test_what_does_not_fit_is_a_full_disk(
    fd: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "setxattr", failing(code))

    assert error_of(lambda: xattrs.put(fd, "user.x", b"value")) == errno.ENOSPC


def test_a_disk_without_them(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("listxattr", "getxattr", "removexattr", "setxattr"):
        monkeypatch.setattr(os, name, failing(errno.ENOTSUP))

    assert not xattrs.supported(fd)
    assert xattrs.names(fd) == []
    assert xattrs.get(fd, "user.x") is None
    assert not xattrs.remove(fd, "user.x")
    assert error_of(lambda: xattrs.put(fd, "user.x", b"value")) == errno.ENOTSUP


def test_a_platform_without_them(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xattrs, "SUPPORTED", False)

    assert not xattrs.supported(fd)
    assert xattrs.names(fd) == []
    assert xattrs.get(fd, "user.x") is None
    assert not xattrs.remove(fd, "user.x")
    assert error_of(lambda: xattrs.put(fd, "user.x", b"value")) == errno.ENOTSUP


def test_support_is_seen_on_any_file(fd: int) -> None:
    assert xattrs.supported(fd)
    xattrs.put(fd, xattrs.DOS_ATTRIBUTES, b"x")
    assert xattrs.supported(fd)


def test_other_failures_are_told(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("listxattr", "getxattr", "removexattr", "setxattr"):
        monkeypatch.setattr(os, name, failing(errno.EIO))

    assert not xattrs.supported(fd)
    assert error_of(lambda: xattrs.names(fd)) == errno.EIO
    assert error_of(lambda: xattrs.get(fd, "user.x")) == errno.EIO
    assert error_of(lambda: xattrs.remove(fd, "user.x")) == errno.EIO
    assert error_of(lambda: xattrs.put(fd, "user.x", b"value")) == errno.EIO
