"""fsspec's own tests of file systems, and what they leave out: our server and smbd."""

import os
import pickle
import posixpath
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest
from fsspec.tests.abstract import (
    AbstractCopyTests,
    AbstractFixtures,
    AbstractGetTests,
    AbstractOpenTests,
    AbstractPipeTests,
    AbstractPutTests,
)

from smbquic.client.fsspec import SmbQuicFileSystem, SmbTcpFileSystem
from tests.fsspec_thread import fsspec_thread  # noqa: F401  (a fixture)
from tests.interop.processes import (
    PASSWORD,
    SHARE,
    USER,
    ServerProcess,
    Smbd,
    empty,
    needs_smbd,
)

FileSystem = SmbQuicFileSystem


@pytest.fixture(
    params=[
        "quic",
        "tcp",
        pytest.param(
            "smbd",
            marks=needs_smbd,
        ),
    ],
)
def connected(
    request: pytest.FixtureRequest,
    fsspec_thread: None,  # noqa: F811
) -> Iterator[tuple[FileSystem, Path]]:
    """A file system of each server, and the folder that it shares."""
    if request.param == "smbd":
        smbd: Smbd = request.getfixturevalue("shared_smbd")
        port, user, ca, folder = smbd.port, smbd.user, None, smbd.share
    else:
        server: ServerProcess = request.getfixturevalue("_server")
        port, user, ca, folder = server.ports[request.param], USER, server.pki.ca, server.share
    kind = SmbQuicFileSystem if request.param == "quic" else SmbTcpFileSystem
    fs = kind("localhost", port, user, password=PASSWORD, ca=ca, auto_mkdir=True)
    yield fs, folder
    fs.close()


@pytest.fixture
def file_system(connected: tuple[FileSystem, Path]) -> FileSystem:
    """A file system on an empty share."""
    fs, folder = connected
    empty(folder)
    return fs


@pytest.fixture
def fs(file_system: FileSystem) -> FileSystem:
    """The same, under the name that fsspec's tests have for it."""
    return file_system


@pytest.fixture
def folder(connected: tuple[FileSystem, Path]) -> Path:
    """The folder that is shared."""
    return connected[1]


@contextmanager
def instead_of_smbprotocol() -> Iterator[None]:
    """Let our file system have ``smb://``, which is fsspec's own for smbprotocol's."""
    module = "smbquic.client.fsspec.SmbTcpFileSystem"
    fsspec.register_implementation("smb", module, clobber=True)
    try:
        yield
    finally:
        module = "fsspec.implementations.smb.SMBFileSystem"
        fsspec.register_implementation("smb", module, clobber=True)


class Fixtures(AbstractFixtures):  # type: ignore[misc]
    """The parameters of fsspec's tests."""

    @pytest.fixture
    def fs(self, file_system: FileSystem) -> FileSystem:
        return file_system

    @pytest.fixture
    def fs_path(self) -> str:
        return f"/{SHARE}"

    @pytest.fixture
    def fs_join(self) -> Callable[..., str]:
        return posixpath.join


class TestCopy(AbstractCopyTests, Fixtures):  # type: ignore[misc]
    pass


class TestGet(AbstractGetTests, Fixtures):  # type: ignore[misc]
    pass


class TestPut(AbstractPutTests, Fixtures):  # type: ignore[misc]
    pass


class TestOpen(AbstractOpenTests, Fixtures):  # type: ignore[misc]
    pass


class TestPipe(AbstractPipeTests, Fixtures):  # type: ignore[misc]
    pass


ROOT = f"/{SHARE}"
CONTENT = bytes(range(256)) * 20_000


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_content_in_parts(fs: FileSystem, folder: Path) -> None:
    (folder / "file").write_bytes(CONTENT)
    (folder / "empty").touch()
    path = f"{ROOT}/file"
    assert fs.cat_file(path) == CONTENT
    assert fs.cat_file(path, 3, 9) == CONTENT[3:9]
    assert fs.cat_file(path, -7) == CONTENT[-7:]
    assert fs.cat_file(path, 1, -1) == CONTENT[1:-1]
    assert fs.cat_file(path, 9, 3) == b""
    assert fs.cat_file(f"{ROOT}/empty", 0, 100) == b""
    parts = fs.cat_ranges(
        [path, f"{ROOT}/missing", f"{ROOT}/empty", path],
        [10, 0, 0, 4_000_000],
        [20, 5, 5, 10**9],
    )
    assert parts[0] == CONTENT[10:20]
    assert isinstance(parts[1], FileNotFoundError)
    assert parts[2:] == [b"", CONTENT[4_000_000:]]
    assert fs.cat_ranges([path, path], 0, 2) == [CONTENT[:2]] * 2
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges([f"{ROOT}/missing"], 0, 2, on_error="raise")


def test_an_open_file_is_read_anywhere(fs: FileSystem, folder: Path) -> None:
    (folder / "file").write_bytes(CONTENT)
    with fs.open(f"{ROOT}/file", block_size=100_000) as file:
        assert file.read(10) == CONTENT[:10]
        file.seek(-10, os.SEEK_END)
        assert file.read() == CONTENT[-10:]
        file.seek(0)
        assert file.read() == CONTENT
        copy = pickle.loads(pickle.dumps(file))
    with copy:
        assert copy.tell() == len(CONTENT)
        copy.seek(1)
        assert copy.read(2) == CONTENT[1:3]


@pytest.mark.parametrize("size", [0, 10, 1_000_000])
def test_a_file_appears_when_it_is_whole(fs: FileSystem, folder: Path, size: int) -> None:
    with fs.open(f"{ROOT}/file", "wb", block_size=300_000) as file:
        file.write(CONTENT[:size])
        assert not (folder / "file").exists()
    assert (folder / "file").read_bytes() == CONTENT[:size]
    assert names(folder) == ["file"]


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_an_exception_leaves_what_was_there(fs: FileSystem, folder: Path, size: int) -> None:
    (folder / "file").write_bytes(b"before")

    def write() -> None:
        with fs.open(f"{ROOT}/file", "wb", block_size=300_000) as file:
            file.write(CONTENT[:size])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert names(folder) == ["file"]
    assert (folder / "file").read_bytes() == b"before"


def test_transactions(fs: FileSystem, folder: Path) -> None:
    with fs.transaction:
        for name in ("a", "b"):
            with fs.open(f"{ROOT}/{name}", "wb") as file:
                file.write(CONTENT[:10])
        assert not (folder / "a").exists()
    assert names(folder) == ["a", "b"]

    def write() -> None:
        with fs.transaction:
            with fs.open(f"{ROOT}/c", "wb") as file:
                file.write(CONTENT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert names(folder) == ["a", "b"]
    with fs.transaction, pytest.raises(NotImplementedError, match="cannot be undone"):
        fs.open(f"{ROOT}/a", "ab")


def test_appending(fs: FileSystem, folder: Path) -> None:
    for part in (b"one", b"two"):
        with fs.open(f"{ROOT}/log", "ab") as file:
            file.write(part)
            assert file.tell() in (3, 6)
    assert (folder / "log").read_bytes() == b"onetwo"
    with fs.open(f"{ROOT}/new", "xb") as file:
        file.write(CONTENT)
    assert (folder / "new").read_bytes() == CONTENT
    with fs.open(f"{ROOT}/text", "w", encoding="utf-8") as file:
        file.write("straße")
    assert fs.read_text(f"{ROOT}/text", encoding="utf-8") == "straße"


def test_errors_are_those_of_python(fs: FileSystem, folder: Path) -> None:
    (folder / "folder").mkdir()
    (folder / "file").touch()
    for call in (fs.cat_file, fs.info, fs.ls, fs.open, fs.rm, fs.rmdir):
        with pytest.raises(FileNotFoundError):
            call(f"{ROOT}/missing")
    with pytest.raises(FileExistsError):
        fs.mkdir(f"{ROOT}/folder")
    with pytest.raises(FileExistsError):
        fs.makedirs(f"{ROOT}/folder")
    with pytest.raises(IsADirectoryError):
        fs.cat_file(f"{ROOT}/folder")
    with pytest.raises(IsADirectoryError):
        fs.rm(f"{ROOT}/folder")
    with pytest.raises(NotADirectoryError):
        fs.rmdir(f"{ROOT}/file")
    with pytest.raises(PermissionError):
        fs.rm(ROOT, recursive=True)
    with pytest.raises(IsADirectoryError):
        fs.cat_file("/")
    with pytest.raises(PermissionError):
        fs.pipe_file("/readonly/file", b"")
    with pytest.raises(FileNotFoundError):
        fs.ls("/no-such-share")
    assert not fs.exists("/no-such-share/file")
    assert fs.ls(f"{ROOT}/file", detail=False) == [f"{ROOT}/file"]
    with pytest.raises(TypeError, match="pasword"):
        type(fs)("localhost", pasword="x")


def test_what_there_is(fs: FileSystem, folder: Path) -> None:
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "c.txt").write_bytes(b"123")
    (folder / "a" / "d.csv").write_bytes(b"12345")
    os.utime(folder / "a" / "d.csv", (1_000_000_000, 1_000_000_000))
    assert fs.find(ROOT) == [f"{ROOT}/a/b/c.txt", f"{ROOT}/a/d.csv"]
    assert fs.find(f"{ROOT}/a", maxdepth=1) == [f"{ROOT}/a/d.csv"]
    assert fs.find(f"{ROOT}/a/d.csv") == [f"{ROOT}/a/d.csv"]
    assert fs.find(f"{ROOT}/missing") == []
    assert fs.glob(f"{ROOT}/*/*.csv") == [f"{ROOT}/a/d.csv"]
    assert fs.glob(f"{ROOT}/**/*.txt") == [f"{ROOT}/a/b/c.txt"]
    assert fs.du(ROOT) == 8
    assert fs.du(ROOT, total=False) == {f"{ROOT}/a/b/c.txt": 3, f"{ROOT}/a/d.csv": 5}
    assert [names for _, *names in fs.walk(ROOT)] == [
        [["a"], []],
        [["b"], ["d.csv"]],
        [[], ["c.txt"]],
    ]
    info = fs.info(f"{ROOT}/a/d.csv")
    assert (info["type"], info["size"]) == ("file", 5)
    assert fs.modified(f"{ROOT}/a/d.csv") == datetime.fromtimestamp(1_000_000_000, UTC)
    assert fs.created(f"{ROOT}/a/d.csv").tzinfo is UTC
    assert fs.isdir(ROOT)
    assert fs.isdir("/")
    assert fs.info(f"{ROOT}/a")["type"] == "directory"
    before = fs.ukey(f"{ROOT}/a/d.csv"), fs.checksum(f"{ROOT}/a/d.csv")
    assert before == (fs.ukey(f"{ROOT}/a/d.csv"), fs.checksum(f"{ROOT}/a/d.csv"))
    (folder / "a" / "d.csv").write_bytes(b"54321")
    assert before[0] != fs.ukey(f"{ROOT}/a/d.csv")
    assert before[1] != fs.checksum(f"{ROOT}/a/d.csv")


def test_names_that_windows_forbids(fs: FileSystem, folder: Path) -> None:
    name = "what? 10% <off>: #1*"
    fs.pipe_file(f"{ROOT}/{name}", b"yes")
    assert fs.ls(ROOT, detail=False) == [f"{ROOT}/{name}"]
    assert fs.cat_file(f"{ROOT}/{name}") == b"yes"
    assert fs.glob(f"{ROOT}/what?*") == [f"{ROOT}/{name}"]
    url = fs.unstrip_protocol(f"{ROOT}/{name}")
    assert "10%25%20" not in url
    assert fs._strip_protocol(url) == f"{ROOT}/{name}"


def test_urls(fs: FileSystem, folder: Path) -> None:
    (folder / "part 1.csv").write_bytes(b"1")
    (folder / "part 2.csv").write_bytes(b"2")
    url = fs.unstrip_protocol(ROOT)
    options = {**fs.storage_options, "use_listings_cache": False}
    with instead_of_smbprotocol():
        files = fsspec.open_files(f"{url}/part *.csv", **options)
        assert [file.full_name for file in files] == [
            f"{url}/part 1.csv",
            f"{url}/part 2.csv",
        ]
        with files as opened:
            assert [file.read() for file in opened] == [b"1", b"2"]
    files.fs.close()


def test_listings_that_are_kept(fs: FileSystem, folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "a" / "file").touch()
    keeping = type(fs)(*fs.storage_args, **fs.storage_options, use_listings_cache=True)
    try:
        assert keeping.ls(f"{ROOT}/a", detail=False) == [f"{ROOT}/a/file"]
        (folder / "a" / "other").touch()
        assert keeping.ls(f"{ROOT}/a", detail=False) == [f"{ROOT}/a/file"]
        assert keeping.info(f"{ROOT}/a/file")["size"] == 0
        assert keeping.exists(f"{ROOT}/a/other"), "a listing may be old, and says only what is"
        assert len(keeping.ls(f"{ROOT}/a", refresh=True)) == 2
        keeping.pipe_file(f"{ROOT}/a/file", b"123")
        assert keeping.info(f"{ROOT}/a/file")["size"] == 3
        keeping.ls(f"{ROOT}/a")
        keeping.mv(f"{ROOT}/a", f"{ROOT}/b")
        with pytest.raises(FileNotFoundError):
            keeping.ls(f"{ROOT}/a")
        keeping.ls(f"{ROOT}/b")
        keeping.rm(f"{ROOT}/b", recursive=True)
        assert keeping.ls(ROOT) == []
        keeping.invalidate_cache()
        assert not keeping.dircache
    finally:
        keeping.close()


def test_moving(fs: FileSystem, folder: Path) -> None:
    (folder / "folder").mkdir()
    for name in ("a", "b", "c.txt", "d.txt"):
        (folder / name).write_text(name)
    fs.mv(f"{ROOT}/a", f"{ROOT}/b")
    assert (folder / "b").read_text() == "a"
    fs.mv(f"{ROOT}/b", f"{ROOT}/folder")
    assert (folder / "folder" / "b").read_text() == "a"
    fs.mv(f"{ROOT}/*.txt", f"{ROOT}/folder/")
    assert names(folder / "folder") == ["b", "c.txt", "d.txt"]
    fs.mv(f"{ROOT}/folder", f"{ROOT}/moved")
    assert names(folder) == ["moved"]
    fs.mv([f"{ROOT}/moved/b"], [f"{ROOT}/b"])
    assert names(folder) == ["b", "moved"]
    with pytest.raises(NotADirectoryError):
        fs.mv(f"{ROOT}/moved/*", f"{ROOT}/b")
    with pytest.raises(FileNotFoundError):
        fs.mv(f"{ROOT}/missing", f"{ROOT}/other")


def test_copying_from_one_share_to_another(fs: FileSystem, folder: Path) -> None:
    (folder / "file").write_bytes(CONTENT)
    fs.cp_file("/readonly/file", f"{ROOT}/copy")
    assert (folder / "copy").read_bytes() == CONTENT
    with pytest.raises(PermissionError):
        fs.mv("/readonly/file", f"{ROOT}/moved")


def test_touching(fs: FileSystem, folder: Path) -> None:
    (folder / "file").write_bytes(b"content")
    os.utime(folder / "file", (0, 0))
    fs.touch(f"{ROOT}/file", truncate=False)
    assert (folder / "file").read_bytes() == b"content"
    assert (folder / "file").stat().st_mtime > 0
    fs.touch(f"{ROOT}/file")
    assert (folder / "file").read_bytes() == b""


def test_callbacks(fs: FileSystem, folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    transfers: tuple[Callable[[fsspec.Callback], None], ...] = (
        lambda callback: fs.put_file(str(source), f"{ROOT}/file", callback=callback),
        lambda callback: fs.get_file(f"{ROOT}/file", str(tmp_path / "copy"), callback=callback),
    )
    for transfer in transfers:
        callback = fsspec.Callback()
        transfer(callback)
        assert (callback.size, callback.value) == (len(CONTENT), len(CONTENT))
    assert (tmp_path / "copy").read_bytes() == CONTENT
    with pytest.raises(FileExistsError):
        fs.put_file(str(source), f"{ROOT}/file", mode="create")


def run_program(server: ServerProcess, program: str) -> str:
    """What a program prints that has a file system `fs`; it may print no errors."""
    options = {
        "host": "localhost",
        "port": server.ports["quic"],
        "user": USER,
        "password": PASSWORD,
        "ca": str(server.pki.ca),
    }
    begin = f"import asyncio, os, warnings, fsspec\noptions = {options!r}\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_program_ends_without_closing_anything(server: ServerProcess) -> None:
    (server.share / "file").write_bytes(CONTENT)
    printed = run_program(
        server,
        """
        fs = fsspec.filesystem("smb+quic", **options)
        file = fs.open("/data/file")
        print(len(file.read(10)))
        half = fs.open("/data/half", "wb", block_size=1000)
        half.write(bytes(10_000))
        """,
    )
    assert printed == "10\n"
    assert names(server.share) == ["file"]


def test_a_process_that_was_forked_connects_for_itself(server: ServerProcess) -> None:
    printed = run_program(
        server,
        """
        fs = fsspec.filesystem("smb+quic", **options)
        fs.pipe("/data/a", b"1")
        file = fs.open("/data/a")
        # From 3.12 on, Python warns of any fork while there are threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        if not (child := os.fork()):
            try:
                fs.ls("/data")
            except RuntimeError as error:
                print(error, flush=True)
            own = fsspec.filesystem("smb+quic", **options)
            assert own is not fs
            own.pipe("/data/b", b"2")
            del file
            raise SystemExit
        assert os.waitpid(child, 0)[1] == 0
        print(file.read(), fs.find("/data"))
        """,
    )
    assert printed == "This class is not fork-safe\nb'1' ['/data/a', '/data/b']\n"


def test_coroutines_on_several_loops(server: ServerProcess) -> None:
    printed = run_program(
        server,
        """
        fs = fsspec.filesystem("smb+quic", asynchronous=True, **options)

        async def main(number):
            await fs._pipe_file(f"/data/{number}", b"x" * number)
            sizes = await asyncio.gather(*(fs._size(f"/data/{number}") for _ in range(5)))
            await fs._close()
            return sizes

        print(asyncio.run(main(1)), asyncio.run(main(2)))
        """,
    )
    assert printed == "[1, 1, 1, 1, 1] [2, 2, 2, 2, 2]\n"


def test_files_of_a_program_with_an_event_loop(server: ServerProcess) -> None:
    printed = run_program(
        server,
        """
        fs = fsspec.filesystem("smb+quic", asynchronous=True, **options)

        async def main():
            async with await fs.open_async("/data/file", "wb", block_size=10) as file:
                for _ in range(10):
                    await file.write(b"12345678")
                print(await fs._exists("/data/file"))
            async with await fs.open_async("/data/file", "ab") as file:
                print(file.tell(), await file.write(b"end"))
            async with await fs.open_async("/data/file") as file:
                print(file.size, await file.read(8), file.seek(80), await file.read())
            for mode in ("xb", "r+b"):
                try:
                    await fs.open_async("/data/file", mode)
                except (FileExistsError, ValueError) as error:
                    print(type(error).__name__)
            async with await fs.open_async("/data/new", "xb") as file:
                await file.write(b"new")
            try:
                async with await fs.open_async("/data/new", "wb") as file:
                    await file.write(b"lost")
                    raise KeyError
            except KeyError:
                print(await fs._cat_file("/data/new"), await fs._size("/data/file"))
            await fs._close()

        asyncio.run(main())
        """,
    )
    assert printed.splitlines() == [
        "False",
        "80 3",
        "83 b'12345678' 80 b'end'",
        "ExistsError",
        "ValueError",
        "b'new' 83",
    ]


def test_options_from_the_configuration_of_fsspec(server: ServerProcess) -> None:
    printed = run_program(
        server,
        """
        from fsspec.config import conf, set_conf_env

        user, host, port = (options[name] for name in ("user", "host", "port"))
        environment = {
            "FSSPEC_SMBQUIC_CA": options["ca"], "FSSPEC_SMBQUIC_PASSWORD": options["password"]
        }
        set_conf_env(conf, environment)
        fs, root = fsspec.url_to_fs(f"smb+quic://{user}@{host}:{port}/data")
        fs.pipe(f"{root}/file", b"")
        print(fs.ls(root, detail=False))
        """,
    )
    assert printed == "['/data/file']\n"
