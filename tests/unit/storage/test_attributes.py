import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.storage import attributes, base
from smbquic.storage.attributes import NOTHING, Stored, encode

NS = 1_000_000_000
# 2024-02-29 12:34:56.7890123 UTC
CREATED = 1_709_210_096 * NS + 789_012_300


def status(**changes: object) -> os.stat_result:
    """A regular file's status."""
    fields = {
        "st_mode": 0o100644,
        "st_size": 5000,
        "st_blocks": 16,
        "st_atime_ns": 30,
        "st_mtime_ns": 20,
        "st_ctime_ns": 40,
        "st_dev": 7,
        "st_ino": 99,
        "st_nlink": 2,
        "st_uid": 1000,
        "st_gid": 1000,
    }
    return cast(os.stat_result, SimpleNamespace(**(fields | changes)))


@pytest.mark.parametrize(
    ("blob", "bits"),
    [
        # As smbd 4.22 wrote them: a new file, one with +rhs, a new folder.
        ("000005000500000011000000000000003bb234dce67bdd01", 0),
        ("000005000500000011000000270000001cbc33dce67bdd01", 0x27),
        ("00000500050000001100000010000000b42134dce67bdd01", 0),
    ],
)
def test_what_samba_wrote_is_read_and_written_alike(blob: str, bits: int) -> None:
    raw = bytes.fromhex(blob)

    stored = Stored.decode(raw)

    assert stored.attributes == bits
    assert stored.creation_time is not None
    # smbd ran on 2026-11-24.
    assert stored.creation_time // (86_400 * NS) == 20781
    assert encode(bits, stored.creation_time, is_directory=raw[12] == 0x10) == raw


@pytest.mark.parametrize(
    "blob",
    [
        # Version 3 with its old hexadecimal string, and 4, as Samba's own library packs them.
        "307832370000030003000000110000002700000000000000000000000000000000000000"
        "0000000080a32c8e0b6bda010000000000000000",
        "00000400040000001100000027000000000000000000000080a32c8e0b6bda01",
    ],
)
def test_older_versions_of_samba_are_read(blob: str) -> None:
    stored = Stored.decode(bytes.fromhex(blob))

    assert stored.attributes == 0x27
    assert stored.creation_time == (0x01DA6B0B8E2CA380 - 116_444_736_000_000_000) * 100


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"0x20",
        b"0x20\0",
        b"\0\0\x02\0\x02\0\0\0" + bytes(40),
        b"\0\0\x05\0\x05\0\0\0\x11\0\0\0",
        b"\0\0\x04\0\x04\0\0\0\x11\0\0\0" + bytes(11),
    ],
)
def test_what_cannot_be_made_out_is_nothing(blob: bytes) -> None:
    assert Stored.decode(blob) == NOTHING


def test_only_valid_fields_count() -> None:
    head = b"\0\0\x05\0\x05\0\0\0"

    assert Stored.decode(head + b"\x01\0\0\0\x02\0\0\0" + b"\1" * 8) == (base.HIDDEN, None)
    assert Stored.decode(head + b"\x11\0\0\0\x02\0\0\0" + bytes(8)) == (base.HIDDEN, None)
    assert Stored.decode(head + b"\x11\0\0\0\x02\0\0\0" + b"\xff" * 8) == (base.HIDDEN, None)
    assert Stored.decode(head + b"\x10\0\0\0\x02\0\0\0" + b"\1" * 8).attributes is None


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: b"\0\0\5\0\5\0" + tail))
def test_any_bytes_decode(blob: bytes) -> None:
    stored = Stored.decode(blob)

    assert stored.attributes is None or stored.attributes & ~base.SETTABLE == 0


@given(st.integers(0, 0xFFFF), st.integers(0, 2**62 // 100), st.booleans())
def test_round_trip(bits: int, ticks: int, is_directory: bool) -> None:
    blob = encode(bits, ticks * 100, is_directory=is_directory)

    assert Stored.decode(blob) == (bits & base.SETTABLE, ticks * 100)


@given(st.integers(-(2**80), 2**80))
def test_any_time_can_be_encoded(time: int) -> None:
    assert len(encode(0, time, is_directory=False)) == 24


def test_kept_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    fd = os.open(path, os.O_RDONLY)
    try:
        assert attributes.read(fd) == NOTHING
        attributes.write(fd, base.READONLY | base.ARCHIVE, CREATED, is_directory=False)

        assert attributes.read(fd) == (base.READONLY | base.ARCHIVE, CREATED)
        assert attributes.read(os.fsencode(path)) == (base.READONLY | base.ARCHIVE, CREATED)
    finally:
        os.close(fd)


def test_a_path_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.setxattr(tmp_path / "file", attributes.XATTR, encode(1, CREATED, is_directory=False))
    (tmp_path / "link").symlink_to("file")

    assert attributes.read(os.fsencode(tmp_path / "link")) == NOTHING


def test_a_platform_without_extended_attributes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(attributes, "SUPPORTED", False)
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        attributes.write(fd, 1, CREATED, is_directory=False)
        assert attributes.read(fd) == NOTHING
    finally:
        os.close(fd)
    assert os.listxattr(tmp_path / "file") == []


@pytest.mark.parametrize("code", [errno.ENOTSUP, errno.ENOSPC])
def test_a_disk_without_room_goes_without(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def refuse(*arguments: object) -> None:
        calls.append(arguments)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "setxattr", refuse)
    attributes.write(3, 1, CREATED, is_directory=False)

    assert len(calls) == 1


def test_other_failures_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(PermissionError):
        attributes.write(3, 1, CREATED, is_directory=False)


def test_a_file_is_described() -> None:
    entry = attributes.describe("a", status(), Stored(base.SYSTEM, CREATED), 7)

    assert entry == base.FileStat(
        name="a",
        is_directory=False,
        size=5000,
        allocation_size=8192,
        attributes=base.SYSTEM,
        creation_time=CREATED,
        last_access_time=30,
        last_write_time=20,
        change_time=40,
        file_id=99,
        links=2,
        owner=1000,
        group=1000,
        mode=0o644,
    )


def test_a_folder_is_described() -> None:
    entry = attributes.describe(
        "d", status(st_mode=0o40755, st_nlink=9), Stored(base.HIDDEN, None), 7
    )

    assert entry.is_directory
    assert entry.attributes == base.DIRECTORY | base.HIDDEN
    assert (entry.size, entry.allocation_size, entry.links) == (0, 0, 1)


def test_what_nothing_is_stored_of_is_derived() -> None:
    assert attributes.describe("a", status(), NOTHING, 7).attributes == base.NORMAL
    assert attributes.describe(".a", status(), NOTHING, 7).attributes == base.HIDDEN
    assert attributes.describe("a", status(), NOTHING, 7).creation_time == 20
    assert attributes.describe("a", status(st_birthtime=1.5), NOTHING, 7).creation_time == 1.5 * NS


def test_inodes_of_other_disks_are_told_apart() -> None:
    here = attributes.describe("a", status(), NOTHING, 7).file_id
    there = attributes.describe("a", status(st_dev=8), NOTHING, 7).file_id

    assert here == 99
    assert there == 99 | 8 << 32
