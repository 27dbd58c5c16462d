import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.storage import types
from smbquic.storage.local import attributes, xattrs
from smbquic.storage.local.attributes import NOTHING, Stored
from smbquic.storage.local.descriptor import birth_time

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
        "st_gid": 1001,
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
    assert stored.encode(is_directory=raw[12] == 0x10) == raw


@pytest.mark.parametrize(
    "blob",
    [
        # Version 3 with its old hexadecimal string, and 4, as Samba's own library packs them.
        "307832370000030003000000110000002700000000000000000000000000000000000000"
        "0000000080a32c8e0b6bda010000000000000000",
        "00000400040000001100000027000000000000000000000080a32c8e0b6bda01",
        # The same after a string of another length.
        "30783200040004001100000027000000000000000000000080a32c8e0b6bda01",
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

    hidden = Stored(types.HIDDEN)
    assert Stored.decode(head + b"\x01\0\0\0\x02\0\0\0" + b"\1" * 8) == hidden
    assert Stored.decode(head + b"\x11\0\0\0\x02\0\0\0" + bytes(8)) == hidden
    assert Stored.decode(head + b"\x11\0\0\0\x02\0\0\0" + b"\xff" * 8) == hidden
    assert Stored.decode(head + b"\x10\0\0\0\x02\0\0\0" + b"\1" * 8).attributes is None


FAST = bytes.fromhex("000005000500000011000000")


@given(
    st.binary(max_size=80)
    | st.binary(max_size=60).map(lambda tail: b"\0\0\5\0\5\0" + tail)
    | st.binary(max_size=60).map(lambda tail: FAST + tail)
)
def test_any_bytes_decode(blob: bytes) -> None:
    stored = Stored.decode(blob)

    assert stored.attributes is None or stored.attributes & ~types.KEPT == 0
    assert stored.account in range(2**32)


TIMES = st.integers(1, 2**62 // 100).map(lambda ticks: ticks * 100)
NUMBERS = st.integers(0, 2**32 - 1)


@given(
    st.builds(Stored, NUMBERS, TIMES, NUMBERS, NUMBERS, TIMES | st.none(), TIMES),
    st.booleans(),
)
def test_round_trip(stored: Stored, is_directory: bool) -> None:
    blob = stored.encode(is_directory=is_directory)

    until = stored.until if stored.change_time is not None or stored.ea_size else 0
    wanted = stored._replace(attributes=(stored.attributes or 0) & types.KEPT, until=until)
    assert Stored.decode(blob) == wanted


@given(st.integers(-(2**80), 2**80))
def test_any_time_can_be_encoded(time: int) -> None:
    assert len(Stored(0, time).encode(is_directory=False)) == 24
    assert len(Stored(0, time, 1, 1, time, time).encode(is_directory=False)) == 48


@pytest.mark.parametrize(
    ("time", "ticks"),
    [
        (None, 0),
        (-(2**80), 0),
        (-116_444_736_000_000_000 * 100, 0),
        (-116_444_736_000_000_000 * 100 + 100, 1),
        (0, 116_444_736_000_000_000),
        (2**80, 2**64 - 1),
    ],
)
def test_times_are_stored_as_far_as_there_is_room(time: int | None, ticks: int) -> None:
    blob = Stored(0, time).encode(is_directory=False)
    assert blob[-8:] == ticks.to_bytes(8, "little")


def test_what_is_added_to_samba_s_format_stands_behind_it() -> None:
    plain = Stored(types.HIDDEN, CREATED).encode(is_directory=False)
    owned = Stored(types.HIDDEN, CREATED, 0x4433_2211).encode(is_directory=False)
    more = Stored(types.HIDDEN, CREATED, 1, 2, CREATED, CREATED).encode(is_directory=False)

    assert owned == plain + b"\x11\x22\x33\x44"
    assert more[: len(plain)] == plain
    # Of another length, it is not ours.
    assert Stored.decode(more[:-1]) == Stored(types.HIDDEN, CREATED)


def test_kept_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    fd = os.open(path, os.O_RDONLY)
    try:
        assert attributes.read(fd) == NOTHING
        stored = Stored(types.READONLY | types.ARCHIVE, CREATED, 7)
        attributes.write(fd, stored, is_directory=False)

        assert attributes.read(fd) == stored
        assert attributes.read(os.fsencode(path)) == stored
    finally:
        os.close(fd)


def test_a_path_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    blob = Stored(1, CREATED).encode(is_directory=False)
    os.setxattr(tmp_path / "file", xattrs.DOS_ATTRIBUTES, blob)
    (tmp_path / "link").symlink_to("file")

    assert attributes.read(os.fsencode(tmp_path / "link")) == NOTHING


def test_a_platform_without_extended_attributes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(attributes, "SUPPORTED", False)
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        attributes.write(fd, Stored(1, CREATED), is_directory=False)
        assert attributes.read(fd) == NOTHING
    finally:
        os.close(fd)
    assert os.listxattr(tmp_path / "file") == []


@pytest.mark.parametrize("code", [errno.ENOTSUP, errno.ENOSPC, errno.EDQUOT, errno.E2BIG])
def test_a_disk_without_room_goes_without(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def refuse(*arguments: object) -> None:
        calls.append(arguments)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "setxattr", refuse)
    attributes.write(3, Stored(1, CREATED), is_directory=False)

    assert len(calls) == 1


def test_other_failures_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(PermissionError):
        attributes.write(3, Stored(1, CREATED), is_directory=False)


NOWHERE = b"/nowhere"


def test_a_file_is_described() -> None:
    stored = Stored(types.SYSTEM, CREATED, 5, 6)
    entry = attributes.describe("a", status(), stored, 7, NOWHERE)

    assert entry == types.FileStat(
        name="a",
        is_directory=False,
        size=5000,
        allocation_size=8192,
        attributes=types.SYSTEM,
        creation_time=CREATED,
        last_access_time=30,
        last_write_time=20,
        change_time=40,
        file_id=99,
        links=2,
        ea_size=6,
        owner=1000,
        group=1001,
        mode=0o644,
        account=5,
    )


def test_a_folder_is_described() -> None:
    folder = status(st_mode=0o40755, st_nlink=9)
    entry = attributes.describe("d", folder, Stored(types.HIDDEN), 7, NOWHERE)

    assert entry.is_directory
    assert entry.attributes == types.DIRECTORY | types.HIDDEN
    assert (entry.size, entry.allocation_size, entry.links) == (0, 0, 1)


def test_of_a_mode_only_who_may_what_is_told() -> None:
    special = status(st_mode=0o107753)
    assert attributes.describe("a", special, NOTHING, 7, NOWHERE).mode == 0o753


def test_what_nothing_is_stored_of_is_derived() -> None:
    def describe(name: str, **changes: object) -> types.FileStat:
        return attributes.describe(name, status(**changes), NOTHING, 7, NOWHERE)

    assert describe("a").attributes == types.NORMAL
    assert describe(".a").attributes == types.HIDDEN
    assert describe("a").creation_time == 20
    assert describe("a", st_birthtime=1.5).creation_time == 1.5 * NS


def test_the_birth_time_is_told_where_the_system_knows_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    os.utime(path, ns=(10 * NS, 20 * NS))
    known = birth_time(os.fsencode(path))
    if known is None:
        pytest.skip("the system knows no birth times")

    entry = attributes.describe("file", path.stat(), NOTHING, 7, os.fsencode(path))

    assert entry.creation_time == known > 20 * NS


@pytest.mark.parametrize(
    ("until", "shown"),
    [
        (40 * NS, 7 * NS),
        (41 * NS, 7 * NS),
        (39 * NS, 40 * NS),
        # The clock of a disk may be off by 20 ms.
        (40 * NS - 20_000_000, 7 * NS),
        (40 * NS - 20_000_001, 40 * NS),
    ],
)
def test_a_change_time_lasts_until_the_next_change(until: int, shown: int) -> None:
    stored = Stored(0, CREATED, change_time=7 * NS, until=until)

    entry = attributes.describe("a", status(st_ctime_ns=40 * NS), stored, 7, NOWHERE)

    assert entry.change_time == shown


def test_inodes_of_other_disks_are_told_apart() -> None:
    here = attributes.describe("a", status(), NOTHING, 7, NOWHERE).file_id
    there = attributes.describe("a", status(st_dev=9), NOTHING, 7, NOWHERE).file_id

    assert here == 99
    assert there == 99 | 9 << 32
    far = attributes.describe("a", status(st_dev=0x5_0000_0009), NOTHING, 7, NOWHERE).file_id
    assert far == there
