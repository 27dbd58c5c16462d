"""The errors of a disk that the server may not change: a read-only one, and a folder."""

import subprocess
from collections.abc import Awaitable, Callable, Iterator

import pytest

import smbquic
from smbquic.client import requests
from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.pki import PkiDirectory
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateDisposition, CreateOptions
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.query_info import InfoType
from smbquic.wire.set_info import SetInfoRequest
from tests.interop.processes import PASSWORD, USER, ServerProcess, running_server
from tests.urls import share_url

Act = Callable[[smbquic.Share, str], Awaitable[object]]

# Root in a user namespace, as what an ordinary user may mount there; without the rights that let
# root pass over the modes of files. $0 is the folder that becomes a read-only disk.
WITHIN = """
mount -t tmpfs none "$0"
mkdir "$0/folder" "$0/full"
echo content >"$0/file"
cp "$0/file" "$0/full/file"
mount -o remount,bind,ro "$0"
exec setpriv --inh-caps=-all --bounding-set=-dac_override,-dac_read_search,-fowner "$@"
"""
NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-e", "-c", WITHIN)


@pytest.fixture(scope="module")
def server(pki: PkiDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with ``read-only``, a disk, and ``locked``, a folder that it may not change."""
    folder = tmp_path_factory.mktemp("disk")
    share = folder / "share"
    for name in ("read-only", "locked/folder", "locked/full", "open"):
        (share / name).mkdir(parents=True)
    for name in ("locked/file", "locked/full/file", "open/file"):
        (share / name).write_text("content\n")
    trial = folder / "trial"
    trial.mkdir()
    possible = subprocess.run([*NAMESPACE, str(trial), "true"], capture_output=True, check=False)
    if possible.returncode:
        pytest.skip(f"needs user namespaces: {possible.stderr.decode().strip()}")
    (share / "locked").chmod(0o555)
    with running_server(folder, pki, within=(*NAMESPACE, str(share / "read-only"))) as server:
        yield server
    (share / "locked").chmod(0o755)


async def _remove_on_close(share: smbquic.Share, path: str) -> None:
    """Delete as smbclient and Windows' `del` do, by an option of CREATE."""
    opening = requests.create(
        path.replace("/", "\\"),
        requests.DELETE,
        options=CreateOptions.FILE_DELETE_ON_CLOSE,
    )
    await share.once(opening, path=path)


def _create(
    access: int, disposition: CreateDisposition = CreateDisposition.FILE_OPEN, suffix: str = ""
) -> Act:
    async def act(share: smbquic.Share, path: str) -> None:
        name = path.replace("/", "\\") + suffix
        await share.once(requests.create(name, access, disposition=disposition), path=path)

    return act


async def _set_ea(share: smbquic.Share, path: str) -> None:
    """[MS-FSCC] 2.4.16: an extended attribute NAME with the value x."""
    setting = SetInfoRequest(
        InfoType.FILE,
        FileInformationClass.FileFullEaInformation,
        requests.close().file_id,
        b"\x00\x00\x00\x00\x00\x04\x01\x00NAME\x00x",
    )
    opening = requests.create(path.replace("/", "\\"), AccessMask.FILE_WRITE_EA)
    await share.once(opening, setting, path=path)


WRITE = AccessMask.FILE_WRITE_DATA
ACTS: dict[str, Act] = {
    "remove": lambda share, path: share.remove(f"{path}/file"),
    "remove-on-close": lambda share, path: _remove_on_close(share, f"{path}/file"),
    "rmdir": lambda share, path: share.rmdir(f"{path}/folder"),
    "rmdir-on-close": lambda share, path: _remove_on_close(share, f"{path}/folder"),
    "rename": lambda share, path: share.rename(f"{path}/file", f"{path}/new"),
    "replace": lambda share, path: share.rename(f"{path}/full/file", f"{path}/file", replace=True),
    "mkdir": lambda share, path: share.mkdir(f"{path}/new"),
    "create": lambda share, path: _create(WRITE, CreateDisposition.FILE_CREATE)(
        share, f"{path}/new"
    ),
}
"""Operations that change a folder."""
DISK_ACTS: dict[str, Act] = {
    "write": _create(WRITE),
    "overwrite": _create(WRITE, CreateDisposition.FILE_OVERWRITE),
    "stream": _create(WRITE, CreateDisposition.FILE_OPEN_IF, ":stream"),
    "attributes": lambda share, path: share.set_attributes(path, FileAttributes.HIDDEN),
    "times": lambda share, path: share.utime(path, modified=10**18),
    "extended-attributes": _set_ea,
}
"""Operations that change a file, and so need a disk that can be written."""


async def status_of(server: ServerProcess, transport: str, act: Act, path: str) -> NtStatus:
    url = share_url(transport, server.ports[transport], user=USER)
    ca = server.pki.ca if transport == "quic" else None
    async with smbquic.connect(url, password=PASSWORD, ca=ca) as share:
        try:
            await act(share, path)
        except StatusError as error:
            return error.status
    return NtStatus.SUCCESS


@pytest.mark.parametrize("transport", ["tcp", "quic"])
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("folder", "status"),
    [("read-only", NtStatus.MEDIA_WRITE_PROTECTED), ("locked", NtStatus.ACCESS_DENIED)],
)
async def test_a_folder_that_cannot_be_changed(
    server: ServerProcess, transport: str, act: str, folder: str, status: NtStatus
) -> None:
    assert await status_of(server, transport, ACTS[act], folder) == status


@pytest.mark.parametrize("act", DISK_ACTS)
async def test_a_file_on_a_read_only_disk(server: ServerProcess, act: str) -> None:
    found = await status_of(server, "tcp", DISK_ACTS[act], "read-only/file")

    assert found == NtStatus.MEDIA_WRITE_PROTECTED


@pytest.mark.parametrize(
    ("source", "target", "status"),
    [
        ("open/file", "locked/new", NtStatus.ACCESS_DENIED),
        ("locked/file", "open/new", NtStatus.ACCESS_DENIED),
        ("open/file", "read-only/new", NtStatus.NOT_SAME_DEVICE),
        ("read-only/file", "open/new", NtStatus.NOT_SAME_DEVICE),
    ],
)
async def test_moves_into_and_out_of_it(
    server: ServerProcess, source: str, target: str, status: NtStatus
) -> None:
    found = await status_of(server, "tcp", lambda share, path: share.rename(path, target), source)

    assert found == status


@pytest.mark.parametrize(
    ("folder", "status"),
    [("read-only", NtStatus.MEDIA_WRITE_PROTECTED), ("locked", NtStatus.ACCESS_DENIED)],
)
async def test_a_tree_is_not_removed_and_the_cause_is_named(
    server: ServerProcess, folder: str, status: NtStatus
) -> None:
    found = await status_of(server, "tcp", lambda share, path: share.rmtree(path), folder)

    assert found == status


def test_all_is_still_there(server: ServerProcess) -> None:
    locked = server.share / "locked"

    assert sorted(path.name for path in locked.iterdir()) == ["file", "folder", "full"]
    assert [path.name for path in (server.share / "open").iterdir()] == ["file"]
    assert "ERROR" not in server.log.read_text()
