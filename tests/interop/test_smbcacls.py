"""Debian's smbcacls against our server: security descriptors are read, changed and passed on.

It knows no port but TCP's own, so the server has a network to itself.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop.processes import PASSWORD, SHARE, USER, empty, running_alone

pytestmark = [
    pytest.mark.debian("smbcacls", "smbclient"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own takes root"),
    pytest.mark.usefixtures("network_namespaces"),
]

AUTHENTICATED = "S-1-5-11"
EVERYONE = "S-1-1-0"
FULL = "0x001f01ff"
READ = "0x001200a9"
READ_FILE = "0x00120089"

Smbcacls = Callable[..., list[str]]


@pytest.fixture(scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    with running_alone(tmp_path_factory.mktemp("alone")) as server:
        yield server


@pytest.fixture
def smbcacls(_server: tuple[int, Path], local: Path) -> Smbcacls:
    """Runs it about a file of alice's: two folders in each other, with a file in each.

    Gives what it printed, line by line, without what it says of names: our server knows no names
    of SIDs, which is why all are numbers here.
    """
    pid, share = _server
    empty(share)
    network = ("nsenter", f"--net=/proc/{pid}/ns/net")
    logon = ("-s", "/dev/null", "-U", f"{USER}%{PASSWORD}", f"//127.0.0.1/{SHARE}")
    (local / "file").touch()
    made = "mkdir outer; mkdir outer/inner; put file outer/file; put file outer/inner/file"
    subprocess.run([*network, "smbclient", *logon, "-c", made], cwd=local, check=True, timeout=60)

    def run(name: str, *options: str, code: int = 0) -> list[str]:
        done = subprocess.run(
            [*network, "smbcacls", *logon, name, *options],
            cwd=local,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, done.stdout
        return [line for line in done.stdout.splitlines() if "lsarpc" not in line]

    return run


def aces(printed: list[str]) -> set[str]:
    """The entries of a list in numbers, which `smbcacls --numeric` prints."""
    return {line.removeprefix("ACL:") for line in printed if line.startswith("ACL:")}


def test_entries_are_added_modified_and_deleted(smbcacls: Smbcacls) -> None:
    before = aces(smbcacls("outer/file", "--numeric"))
    smbcacls("outer/file", "-a", f"ACL:{AUTHENTICATED}:ALLOWED/0/READ")
    added = aces(smbcacls("outer/file", "--numeric")) - before
    assert added == {f"{AUTHENTICATED}:0/0x0/{READ}"}
    smbcacls("outer/file", "-M", f"ACL:{AUTHENTICATED}:ALLOWED/0/FULL")
    modified = aces(smbcacls("outer/file", "--numeric")) - before
    assert modified == {f"{AUTHENTICATED}:0/0x0/{FULL}"}
    smbcacls("outer/file", "-D", f"ACL:{AUTHENTICATED}:ALLOWED/0/FULL")
    assert aces(smbcacls("outer/file", "--numeric")) == before


def test_a_descriptor_is_set_whole_and_enforced(smbcacls: Smbcacls) -> None:
    smbcacls("outer/file", "-S", f"ACL:{EVERYONE}:ALLOWED/0/READ")
    assert aces(smbcacls("outer/file", "--numeric")) == {f"{EVERYONE}:0/0x0/{READ}"}
    smbcacls("outer/inner/file", "-G", AUTHENTICATED)
    assert f"GROUP:{AUTHENTICATED}" in smbcacls("outer/inner/file", "--numeric")
    [maximal] = smbcacls("outer/file", "--maximum-access", "--numeric")[-1:]
    granted = int(maximal.split()[-1], 16)
    assert granted & int(READ_FILE, 16) == int(READ_FILE, 16)
    assert not granted & 0x2  # FILE_WRITE_DATA


def test_nobody_gives_things_away(smbcacls: Smbcacls) -> None:
    before = smbcacls("outer/file", "--numeric")
    refused = smbcacls("outer/file", "-C", "S-1-5-21-1-2-3-4", code=1)
    assert any("NT_STATUS_INVALID_OWNER" in line for line in refused)
    assert smbcacls("outer/file", "--numeric") == before


def test_a_tree_inherits(smbcacls: Smbcacls) -> None:
    entry = f"ACL:{AUTHENTICATED}:ALLOWED/OI|CI/FULL"
    smbcacls("outer", "-a", entry, "--propagate-inheritance")
    for name, flags in (("outer", "0x3"), ("outer/inner", "0x13"), ("outer/inner/file", "0x10")):
        found = aces(smbcacls(name, "--numeric"))
        assert f"{AUTHENTICATED}:0/{flags}/{FULL}" in found
    smbcacls("outer/inner", "-I", "remove")
    left = aces(smbcacls("outer/inner", "--numeric"))
    assert not any(line.startswith(f"{AUTHENTICATED}:0/0x1") for line in left)
    smbcacls("outer", "-D", entry, "--propagate-inheritance")
    assert not any(line.startswith(AUTHENTICATED) for line in aces(smbcacls("outer/file")))


def test_a_tree_is_saved_and_restored(smbcacls: Smbcacls) -> None:
    names = ("outer", "outer/file", "outer/inner", "outer/inner/file")
    before = [aces(smbcacls(name, "--numeric")) for name in names]
    [*_, summary] = smbcacls("outer", "--save", "saved", "--recurse")
    assert summary == "Successfully processed 4 files: Failed processing 0 files"
    for name in names:
        smbcacls(name, "-a", f"ACL:{AUTHENTICATED}:ALLOWED/0/READ")
    smbcacls("outer", "--restore", "saved")
    assert [aces(smbcacls(name, "--numeric")) for name in names] == before
