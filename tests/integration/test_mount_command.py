"""`smbquic mount` as a command: how it begins and ends, its options, and mount(8)."""

import json
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.pki import PkiDirectory
from tests.integration.mounting import mounted, needs_fuse, run, serving
from tests.integration.program import PASSWORD, TIMEOUT, Served, environment, is_one_line, smbquic

pytestmark = [needs_fuse, pytest.mark.debian("fusermount3")]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, pki: PkiDirectory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("mounted"), pki) as served:
        (served.folder / "folder").mkdir()
        (served.folder / "folder" / "file").write_bytes(b"content")
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mount"
    folder.mkdir()
    return folder


def test_a_folder_of_a_share_with_an_owner_and_modes(served: Served, tmp_path: Path) -> None:
    options = ("-o", "ro,uid=4711,gid=42,file_mode=640,noexec", "--dir-mode", "750")
    url = served.url("folder")
    with mounted(tmp_path / "mount", url, *options, ca=served.ca) as mount:
        found = (mount / "file").stat()
        assert (found.st_uid, found.st_gid) == (4711, 42)
        assert stat.S_IMODE(found.st_mode) == 0o640
        assert stat.S_IMODE(mount.stat().st_mode) == 0o750
        assert (mount / "file").read_bytes() == b"content"
        with pytest.raises(OSError, match="Read-only"):
            (mount / "file").write_bytes(b"")
        shown = run("findmnt", "-no", "OPTIONS,SOURCE,FSTYPE", mount).split()
        assert {"ro", "nosuid", "nodev", "noexec"} <= set(shown[0].split(","))
        assert shown[1:] == [url.rstrip("/"), "fuse.smbquic"]


@pytest.mark.parametrize("how", ["Ctrl-C", "umount", "lazily"])
def test_how_it_ends(served: Served, folder: Path, how: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "smbquic", "mount", "--json", served.url(), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(SMBQUIC_PASSWORD=PASSWORD, SMBQUIC_CA=served.ca),
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "ready"
    if how == "Ctrl-C":
        process.send_signal(signal.SIGINT)
    else:
        run("umount", *(["-l"] if how == "lazily" else []), folder)
    output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == (130 if how == "Ctrl-C" else 0)
    assert errors.strip() == ("smbquic: interrupted" if how == "Ctrl-C" else "")
    assert ("stopped" in output) == (how != "Ctrl-C")
    assert not folder.is_mount()
    assert list(folder.iterdir()) == []


def test_it_goes_to_the_background(served: Served, folder: Path) -> None:
    done = smbquic("mount", "--background", served.url(), str(folder), SMBQUIC_CA=served.ca)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (folder / "folder" / "file").read_bytes() == b"content"
    is_one_line(served.run("mount", served.url(), str(folder)), 2, "mounted", "already", "umount")
    run("umount", folder)


def test_what_fails_in_the_background_is_told(served: Served, folder: Path) -> None:
    missing = served.run("mount", "--background", served.url("missing"), str(folder))
    is_one_line(missing, 5, "missing", "OBJECT_NAME_NOT_FOUND")
    file = served.run("mount", "--background", served.url("folder/file"), str(folder))
    is_one_line(file, 5, "NOT_A_DIRECTORY")
    refused = served.run(
        "mount", "--background", served.url(), str(folder), password="wrong password"
    )
    is_one_line(refused, 3, "password")
    assert not folder.is_mount()


@pytest.mark.parametrize("kind", ["fuse", "smbquic"])
def test_mount_calls_the_helper(served: Served, folder: Path, kind: str) -> None:
    """As an entry of fstab does, whose program is in root's PATH."""
    programs = folder.parent / "programs"
    programs.mkdir()
    helper = programs / "mount.smbquic"
    code = "from smbquic.cli.mount_helper import run\nrun()"
    path = f"import sys\nsys.path.insert(0, {str(Path.cwd())!r})"
    helper.write_text(f"#!{sys.executable}\n{path}\n{code}\n")
    helper.chmod(0o755)
    (folder.parent / "password").write_text(f"{PASSWORD}\n")
    (folder.parent / "password").chmod(0o600)
    options = f"_netdev,uid=4711,ca={served.ca},password_file={folder.parent / 'password'}"
    if kind == "fuse":
        run("mount", "-t", "fuse", f"{helper}#{served.url()}", folder, "-o", options)
    else:
        # mount(8) looks for it in /sbin, where a test installs nothing.
        run(helper, served.url(), folder, "-n", "-o", f"rw,{options}")
    assert (folder / "folder" / "file").read_bytes() == b"content"
    assert (folder / "folder" / "file").stat().st_uid == 4711
    run("umount", folder)
