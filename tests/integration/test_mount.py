"""A share that is mounted: what programs see of it, over TCP and QUIC."""

import contextlib
import errno
import fcntl
import json
import mmap
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smbquic.pki import PkiDirectory
from tests.integration.mounting import mounted, needs_fuse, run, serving
from tests.integration.program import TIMEOUT, Served, environment, wait_until

pytestmark = [needs_fuse, pytest.mark.debian("fusermount3")]

CONTENT = random.Random(5).randbytes(5_000_000)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, pki: PkiDirectory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("mounted"), pki) as served:
        yield served


@pytest.fixture(scope="module", params=["tcp", "quic"])
def _mount(
    request: pytest.FixtureRequest, served: Served, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("mounts") / "mount"
    with mounted(folder, served.url(transport=request.param), ca=served.ca) as mount:
        yield mount


@pytest.fixture
def mount(_mount: Path) -> Path:
    """A new folder in the mount."""
    return Path(tempfile.mkdtemp(dir=_mount))


@pytest.fixture
def share(served: Served, mount: Path) -> Path:
    """The same folder on the server's disk.

    A server does not tell its clients what other programs do there: a test may change something
    before it has looked at it in the mount, and only then.
    """
    return served.folder / mount.name


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


# --- reading ------------------------------------------------------------------------------------


def test_what_is_there_is_read(share: Path, mount: Path) -> None:
    (share / "folder").mkdir()
    (share / "folder" / "file").write_bytes(CONTENT)
    os.utime(share / "folder" / "file", ns=(10**18, 10**18 + 123_456_700))
    assert names(mount) == ["folder"]
    assert (mount / "folder" / "file").read_bytes() == CONTENT
    found = (mount / "folder" / "file").stat()
    assert (found.st_size, found.st_mode) == (len(CONTENT), stat.S_IFREG | 0o644)
    assert (found.st_uid, found.st_gid, found.st_nlink) == (os.getuid(), os.getgid(), 1)
    assert found.st_mtime_ns == 10**18 + 123_456_700
    assert found.st_ino == (share / "folder" / "file").stat().st_ino
    assert (mount / "folder").stat().st_mode == stat.S_IFDIR | 0o755


def test_parts_of_a_file_are_read(share: Path, mount: Path) -> None:
    (share / "file").write_bytes(CONTENT)
    with (mount / "file").open("rb", buffering=0) as file:
        for start, size in [(0, 1), (4_999_999, 10), (1_000_000, 3_000_000), (6_000_000, 1)]:
            assert os.pread(file.fileno(), size, start) == CONTENT[start : start + size]


def test_names_that_a_share_spells_otherwise(share: Path, mount: Path) -> None:
    wanted = ["a:b", "what?", "a\\b", 'say "so"', "tab\there", "dot.", "ümlaut", "\udcff"]
    for name in wanted:
        (mount / name).write_bytes(name.encode("utf-8", "surrogateescape"))
    assert names(mount) == sorted(wanted)
    assert names(share) == sorted(wanted)
    for name in wanted:
        assert (mount / name).read_bytes() == (share / name).read_bytes()


def test_errors_are_those_of_a_disk(share: Path, mount: Path) -> None:
    (share / "file").touch()
    (share / "folder").mkdir()
    (share / "folder" / "file").touch()
    with pytest.raises(FileNotFoundError):
        (mount / "nothing").read_bytes()
    with pytest.raises(FileExistsError):
        (mount / "file").touch(exist_ok=False)
    with pytest.raises(NotADirectoryError):
        (mount / "file" / "x").touch()
    with pytest.raises(IsADirectoryError):
        (mount / "folder").write_bytes(b"")
    acts: list[tuple[Callable[[], object], int]] = [
        (lambda: (mount / "folder").rmdir(), errno.ENOTEMPTY),
        (lambda: os.mkfifo(mount / "fifo"), errno.EPERM),
        (lambda: (mount / ("x" * 256)).touch(), errno.ENAMETOOLONG),
        (lambda: os.chown(mount / "file", 4711, -1), errno.EPERM),
        (lambda: (mount / "x").symlink_to("/etc/passwd"), errno.EPERM),
        (lambda: (mount / "x").symlink_to("../../x"), errno.EPERM),
    ]
    for act, number in acts:
        with pytest.raises(OSError, match="Errno") as caught:
            act()
        assert caught.value.errno == number


def test_how_full_it_is(share: Path, mount: Path) -> None:
    here, there = os.statvfs(mount), os.statvfs(share)
    assert here.f_blocks * here.f_frsize == there.f_blocks * there.f_frsize
    assert 0 < here.f_bavail <= here.f_bfree <= here.f_blocks
    assert "smb" in run("df", mount)


# --- writing ------------------------------------------------------------------------------------


def test_files_are_written_and_changed(share: Path, mount: Path) -> None:
    (mount / "file").write_bytes(CONTENT)
    assert (share / "file").read_bytes() == CONTENT
    with (mount / "file").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"changed")
        file.flush()
        os.fsync(file.fileno())
        file.truncate(2_000_000)
    expected = bytearray(CONTENT[:2_000_000])
    expected[1_000_000:1_000_007] = b"changed"
    assert (share / "file").read_bytes() == expected
    os.truncate(mount / "file", 10)
    assert (share / "file").stat().st_size == (mount / "file").stat().st_size == 10
    (mount / "file").write_bytes(b"new")
    assert (share / "file").read_bytes() == b"new"


def test_appending_goes_to_the_end_that_there_is_now(share: Path, mount: Path) -> None:
    (share / "log").write_bytes(b"one ")
    with (mount / "log").open("ab", buffering=0) as file:
        file.write(b"two ")
        with (mount / "log").open("ab") as other:
            other.write(b"three ")
        file.write(b"four")
    assert (share / "log").read_bytes() == b"one two three four"


def test_a_new_file_is_made_once(share: Path, mount: Path) -> None:
    first = os.open(mount / "file", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    os.close(first)
    with pytest.raises(FileExistsError):
        os.open(mount / "file", os.O_CREAT | os.O_EXCL | os.O_WRONLY)


def test_an_open_file_outlives_its_name(share: Path, mount: Path) -> None:
    with (mount / "file").open("w+b", buffering=0) as file:
        file.write(b"before ")
        (mount / "file").unlink()
        assert not (mount / "file").exists()
        (mount / "file").write_bytes(b"another")
        file.write(b"after")
        file.seek(0)
        assert file.read() == b"before after"
        assert os.fstat(file.fileno()).st_size == 12
    assert (share / "file").read_bytes() == b"another"


def test_renaming_replaces(share: Path, mount: Path) -> None:
    (mount / "old").write_bytes(b"old")
    (mount / "new").write_bytes(b"new")
    with (mount / "new").open("rb") as replaced, (mount / "old").open("rb") as moved:
        (mount / "old").rename(mount / "new")
        assert (mount / "new").read_bytes() == moved.read() == b"old"
        assert replaced.read() == b"new"
    (mount / "folder").mkdir()
    (mount / "other").mkdir()
    (mount / "folder" / "file").touch()
    (mount / "folder").rename(mount / "other")
    assert names(mount / "other") == ["file"]
    run("mv", "--no-clobber", mount / "new", mount / "other" / "file", env={"LC_ALL": "C"})
    assert (share / "new").read_bytes() == b"old"
    assert (share / "other" / "file").read_bytes() == b""


def test_modes_are_the_attribute_readonly(share: Path, mount: Path) -> None:
    (mount / "file").write_bytes(b"x")
    (mount / "file").chmod(0o755)
    assert stat.S_IMODE((mount / "file").stat().st_mode) == 0o644
    (mount / "file").chmod(0o400)
    assert stat.S_IMODE((mount / "file").stat().st_mode) == 0o444
    (mount / "new").write_bytes(b"y")
    (mount / "new").rename(mount / "file")
    assert (mount / "file").read_bytes() == b"y"
    (mount / "file").chmod(0o400)
    (mount / "file").unlink()
    assert names(share) == []


def test_times_are_set(share: Path, mount: Path) -> None:
    (mount / "file").write_bytes(b"x")
    os.utime(mount / "file", ns=(10**18, 2 * 10**18 + 100))
    found = (mount / "file").stat()
    assert (found.st_atime_ns, found.st_mtime_ns) == (10**18, 2 * 10**18 + 100)
    with (mount / "file").open("wb", buffering=0) as file:
        file.write(b"more")
        os.utime(file.fileno(), ns=(10**18, 3 * 10**18))
    assert (share / "file").stat().st_mtime_ns == 3 * 10**18
    run("touch", "-m", mount / "file")
    found = (mount / "file").stat()
    assert found.st_atime_ns == 10**18
    assert found.st_mtime_ns > 10**18


def test_hard_links(share: Path, mount: Path) -> None:
    (mount / "file").write_bytes(b"x")
    os.link(mount / "file", mount / "further")
    assert (share / "file").samefile(share / "further")
    assert (mount / "file").stat().st_ino == (mount / "further").stat().st_ino


def test_files_are_mapped_into_memory(share: Path, mount: Path) -> None:
    with (mount / "file").open("w+b") as file:
        file.truncate(10_000)
        try:
            mapped = mmap.mmap(file.fileno(), 10_000)
        except OSError:
            pytest.skip("this kernel maps no files of FUSE that are read directly")
        mapped[5_000:5_003] = b"abc"
        mapped.flush()
        mapped.close()
    assert (share / "file").read_bytes() == bytes(5_000) + b"abc" + bytes(4_997)


def test_symbolic_links(share: Path, mount: Path) -> None:
    (mount / "folder").mkdir()
    (mount / "folder" / "file").write_bytes(b"content")
    (mount / "link").symlink_to("folder/file")
    (mount / "folder" / "up").symlink_to("../folder")
    assert (share / "link").readlink() == (mount / "link").readlink() == Path("folder/file")
    assert (mount / "link").read_bytes() == b"content"
    assert stat.S_ISLNK((mount / "link").lstat().st_mode)
    assert names(mount / "folder" / "up") == ["file", "up"]
    (mount / "folder" / "up").unlink()
    (mount / "link").unlink()
    assert names(share) == ["folder"]


def test_extended_attributes(share: Path, mount: Path) -> None:
    (mount / "file").touch()
    assert os.listxattr(mount / "file") == []
    os.setxattr(mount / "file", "user.comment", b"a text")
    os.setxattr(mount / "file", "user.other", b"\0\xff")
    assert sorted(os.listxattr(mount / "file")) == ["user.comment", "user.other"]
    assert os.getxattr(mount / "file", "user.comment") == b"a text"
    os.removexattr(mount / "file", "user.comment")
    acts: list[tuple[Callable[[], object], int]] = [
        (lambda: os.getxattr(mount / "file", "user.comment"), errno.ENODATA),
        (lambda: os.removexattr(mount / "file", "user.comment"), errno.ENODATA),
        (lambda: os.setxattr(mount / "file", "user.x", b""), errno.EINVAL),
        (lambda: os.setxattr(mount / "file", "trusted.x", b"1"), errno.ENOTSUP),
    ]
    for act, number in acts:
        with pytest.raises(OSError, match="Errno") as caught:
            act()
        assert caught.value.errno == number


def test_a_file_that_was_deleted_on_the_servers_disk(share: Path, mount: Path) -> None:
    (mount / "file").write_bytes(b"x")
    (mount / "file").stat()
    (share / "file").unlink()
    with pytest.raises(FileNotFoundError):
        (mount / "file").read_bytes()
    assert not (mount / "file").exists()
    (mount / "file").write_bytes(b"y")
    assert (share / "file").read_bytes() == b"y"
    (share / "file").unlink()
    (mount / "file").write_bytes(b"z")  # to create it, if need be, is what a program asks for
    assert (share / "file").read_bytes() == b"z"


# --- locks --------------------------------------------------------------------------------------

TRY = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, int(sys.argv[2]))
        print("locked")
    except BlockingIOError:
        print("refused")
"""
WAIT = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    print("waiting", flush=True)
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("locked")
"""


def attempt(path: Path, start: int) -> str:
    return run(sys.executable, "-c", TRY, path, str(start)).strip()


def test_locks_of_processes(served: Served, share: Path, mount: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "other", served.url(mount.name), ca=served.ca) as other:
        (mount / "file").write_bytes(bytes(100))
        with (mount / "file").open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 20, 10)
            for place in (mount, other):
                results = [attempt(place / "file", start) for start in (0, 5, 29, 30)]
                assert results == ["locked", "refused", "refused", "locked"]
            fcntl.lockf(file, fcntl.LOCK_UN, 10, 10)
            for place in (mount, other):
                results = [attempt(place / "file", start) for start in (5, 15)]
                assert results == ["locked", "refused"]
        for place in (mount, other):
            assert attempt(place / "file", 15) == "locked"


@pytest.mark.parametrize("ends", ["released", "interrupted"])
def test_who_waits_for_a_lock(share: Path, mount: Path, ends: str) -> None:
    (mount / "file").touch()
    with (mount / "file").open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        waiter = subprocess.Popen(
            [sys.executable, "-c", WAIT, mount / "file"], stdout=subprocess.PIPE, text=True
        )
        assert waiter.stdout is not None
        assert waiter.stdout.readline() == "waiting\n"
        if ends == "interrupted":
            waiter.terminate()
            assert waiter.wait(TIMEOUT) == -signal.SIGTERM
        else:
            fcntl.lockf(file, fcntl.LOCK_UN)
            assert waiter.stdout.read() == "locked\n"
            assert waiter.wait(TIMEOUT) == 0
        waiter.stdout.close()


TRANSACTIONS = int(os.environ.get("SMBQUIC_TEST_TRANSACTIONS", "15"))
"""Of each of the two processes; hundreds, on a busy machine, find what a cache tells too late."""
INSERT = """
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
for number in range(int(sys.argv[3])):
    base.execute("BEGIN IMMEDIATE")
    [(count,)] = base.execute("SELECT count(*) FROM numbers").fetchall()
    base.execute("INSERT INTO numbers VALUES (?, ?)", (count, sys.argv[2]))
    base.execute("COMMIT")
base.close()
"""


@pytest.mark.parametrize("places", ["one mount", "two mounts"])
def test_a_database_of_two_processes(
    served: Served, share: Path, mount: Path, tmp_path: Path, places: str
) -> None:
    with contextlib.ExitStack() as stack:
        other = mount
        if places == "two mounts":
            manager = mounted(tmp_path / "other", served.url(mount.name), ca=served.ca)
            other = stack.enter_context(manager)
        with contextlib.closing(sqlite3.connect(mount / "base")) as base:
            base.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY, writer TEXT)")
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", INSERT, place / "base", place.name, str(TRANSACTIONS)]
            )
            for place in (mount, other)
        ]
        timeout = 2 * TIMEOUT + TRANSACTIONS
        assert [each.wait(timeout) for each in writers] == [0, 0]
        for place in (mount, other):
            with contextlib.closing(sqlite3.connect(place / "base")) as base:
                assert base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                rows = base.execute("SELECT number FROM numbers ORDER BY number").fetchall()
            assert rows == [(number,) for number in range(2 * TRANSACTIONS)]


# --- other programs -----------------------------------------------------------------------------


@pytest.mark.debian("rsync")
def test_rsync_transfers_nothing_twice(share: Path, mount: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for number in range(20):
        (source / f"folder{number % 4}").mkdir(parents=True, exist_ok=True)
        file = source / f"folder{number % 4}" / f"file{number}"
        file.write_bytes(CONTENT[: number * 10_000])
        file.chmod(0o644)
        os.utime(file, ns=(number, 10**18 + number * 100))
    assert "file19" in run("rsync", "-ai", f"{source}/", mount)
    assert run("rsync", "-ai", f"{source}/", mount) == ""
    assert run("diff", "-r", source, mount) == ""


@pytest.mark.debian("git")
def test_git_works_in_it(share: Path, mount: Path) -> None:
    name = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "safe.directory=*"]
    run("git", "init", "-q", mount / "first")
    for number in range(10):
        (mount / "first" / f"file{number}").write_bytes(CONTENT[: number * 1_000])
    run("git", *name, "-C", mount / "first", "add", ".")
    run("git", *name, "-C", mount / "first", "commit", "-qm", "all")
    run("git", *name, "clone", "-q", "--no-hardlinks", mount / "first", mount / "second")
    run("git", *name, "-C", mount / "second", "gc", "-q")
    run("git", *name, "-C", mount / "second", "fsck", "--full", "--strict")
    assert run("git", *name, "-C", mount / "second", "status", "--porcelain") == ""
    assert (share / "second" / "file9").read_bytes() == CONTENT[:9_000]


@pytest.mark.debian("fio")
def test_fio_verifies_what_it_has_written(share: Path, mount: Path, tmp_path: Path) -> None:
    run(
        *("fio", "--name=x", f"--directory={mount}", "--size=4m", "--bsrange=1k-300k"),
        *("--rw=randrw", "--verify=crc32c", "--numjobs=3", "--ioengine=psync", "--group_reporting"),
        cwd=tmp_path,
    )


def test_python_compiles_in_it(share: Path, mount: Path) -> None:
    shutil.copytree(Path(json.__file__).parent, mount / "json", copy_function=shutil.copy)
    run(sys.executable, "-m", "compileall", "-q", "-f", mount / "json")
    program = "import json; print(json.__file__, json.loads('[1]'))"
    out = run(sys.executable, "-c", program, env={**os.environ, "PYTHONPATH": str(mount)})
    assert out.startswith(str(mount))


def test_pip_builds_and_installs_in_it(share: Path, mount: Path) -> None:
    project, installed, temporary = mount / "project", mount / "installed", mount / "tmp"
    (project / "small").mkdir(parents=True)
    temporary.mkdir()
    (project / "small" / "__init__.py").write_text("ANSWER = 42\n")
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "small"\nversion = "1.0"\n'
    )
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", "-q"]
    # Without the network: what builds it is installed already.
    offline = ["--no-build-isolation", "--no-deps", "--no-index"]
    inside = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    inside["TMPDIR"] = str(temporary)
    run(*pip, "wheel", *offline, "-w", mount / "wheels", project, env=inside)
    [wheel] = (mount / "wheels").iterdir()
    assert wheel.name == "small-1.0-py2.py3-none-any.whl"
    run(*pip, "install", *offline, "--target", installed, wheel, env=inside)
    program = "import small; print(small.ANSWER, small.__file__)"
    out = run(sys.executable, "-c", program, env={**os.environ, "PYTHONPATH": str(installed)})
    assert out.split() == ["42", str(installed / "small" / "__init__.py")]
    assert (share / "installed" / "small-1.0.dist-info" / "RECORD").stat().st_size
    assert not list(temporary.iterdir())


# --- two mounts, and a server that is restarted -------------------------------------------------


def test_two_mounts_agree(served: Served, share: Path, mount: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "other", served.url(mount.name), ca=served.ca) as other:
        for number in range(20):
            one, two = (mount, other) if number % 2 else (other, mount)
            (one / "file").write_bytes(b"x" * number)
            assert (two / "file").stat().st_size == number
            assert (two / "file").read_bytes() == b"x" * number
            with (two / "file").open("rb", buffering=0) as reading:
                with (one / "file").open("ab") as writing:
                    writing.write(b"more")
                assert reading.read() == b"x" * number + b"more"
            (one / "file").rename(one / f"renamed{number}")
            # The server tells the other client that the folder has changed, and waits for nothing.
            wait_until(lambda two=two: not (two / "file").exists())  # type: ignore[misc]
            assert names(two) == names(share)


class KillableServer:
    """A server at one port, which is killed and started again.

    Over TCP, the system of a killed server says so; over QUIC nobody does, for 30 seconds.
    """

    def __init__(self, folder: Path, pki: PkiDirectory, users: Path) -> None:
        self.port = "0"
        self._arguments = [
            *("--share", f"data={folder}", "--users", str(users)),
            *("--cert", str(pki.server.certificate), "--key", str(pki.server.key)),
        ]

    def start(self) -> None:
        listen = ("--listen", f"tcp://127.0.0.1:{self.port}", "--json")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "smbquic", "serve", *self._arguments, *listen],
            stdout=subprocess.PIPE,
            env=environment(),
        )
        assert self.process.stdout is not None
        [listener] = json.loads(self.process.stdout.readline())["listeners"]
        self.port = listener.rpartition(":")[2]

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def test_a_server_that_is_killed_while_files_are_open(
    tmp_path: Path, pki: PkiDirectory, served: Served
) -> None:
    share = tmp_path / "share"
    share.mkdir()
    (share / "read").write_bytes(CONTENT)
    server = KillableServer(share, pki, served.folder.parent / "users.txt")
    server.start()
    try:
        url = f"smb://alice@localhost:{server.port}/data"
        with mounted(tmp_path / "mount", url) as mount:
            with (
                (mount / "read").open("rb", buffering=0) as reading,
                (mount / "written").open("wb", buffering=0) as writing,
            ):
                writing.write(b"before ")
                (mount / "written").rename(mount / "renamed")
                server.kill()
                server.start()
                assert reading.read(10) == CONTENT[:10]
                writing.write(b"after")
                # The server may have lost what was not on its disk yet: that is said once.
                with pytest.raises(OSError, match="Errno 5"):
                    os.fsync(writing.fileno())
                os.fsync(writing.fileno())
            assert (mount / "renamed").read_bytes() == b"before after"
    finally:
        server.kill()
