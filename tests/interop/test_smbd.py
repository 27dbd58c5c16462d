"""Our client against Debian's smbd, which shares no code with our server."""

import contextlib
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import smbquic
from smbquic import EncryptionPolicy, Share
from smbquic.auth.credentials import Credentials
from smbquic.client.connection import ClientConnection
from smbquic.client.session import Session
from smbquic.ntstatus import NtStatus
from smbquic.protocol.settings import DIALECTS, ClientSettings
from smbquic.transport import quic, tcp
from smbquic.transport.base import MessageTransport
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.negotiate import Dialect
from smbquic.wire.negotiate_contexts import Cipher, SigningAlgorithm
from tests.interop.processes import PASSWORD, Smbd, directly_and_through_a_gateway, needs_smbd

pytestmark = needs_smbd

CONTENT = random.Random(3).randbytes(3_000_000)


@pytest.fixture(params=["signed", "encrypted", "sealed share"])
async def share(request: pytest.FixtureRequest, smbd: Smbd) -> AsyncIterator[Share]:
    """The share, with messages signed, with a client that encrypts, with a server that wants it."""
    encrypted = request.param == "encrypted"
    policy = EncryptionPolicy.REQUIRED if encrypted else EncryptionPolicy.ALLOWED
    name = "sealed" if request.param == "sealed share" else "data"
    async with smbquic.connect(
        smbd.url(name), password=PASSWORD, ca=smbd.ca, encryption=policy
    ) as share:
        yield share


@contextlib.asynccontextmanager
async def connected(
    smbd: Smbd, settings: ClientSettings, name: str = "data"
) -> AsyncIterator[Share]:
    """The share, with more say in how it is reached than `smbquic.connect` gives."""
    transport: MessageTransport
    if smbd.gateway:
        trust = quic.ClientTls(ca=smbd.ca)
        transport = await quic.connect("localhost", smbd.gateway, trust=trust)
    else:
        transport = await tcp.connect("localhost", smbd.port)
    connection = await ClientConnection.open(transport, settings, server_name="localhost")
    try:
        session = await Session.logon(
            connection, Credentials(smbd.user, PASSWORD), host="localhost"
        )
        yield Share(session, await session.tree(name))
        await session.logoff()
    finally:
        await connection.close()


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def use_files_and_folders(share: Share, root: Path, tmp_path: Path) -> None:
    """Everything once."""
    (tmp_path / "there").write_bytes(CONTENT)
    await share.makedirs("outer/inner")
    await share.put(tmp_path / "there", "outer/inner/file")
    assert (root / "outer" / "inner" / "file").read_bytes() == CONTENT
    assert await share.listdir("outer/inner") == ["file"]
    assert (await share.stat("outer/inner/file")).size == len(CONTENT)
    await share.rename("outer/inner/file", "outer/renamed")
    await share.get("outer/renamed", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == CONTENT
    async with share.open("outer/renamed") as file:
        await file.seek(-10, os.SEEK_END)
        assert await file.read() == CONTENT[-10:]
    await share.remove("outer/renamed")
    await share.rmtree("outer")
    assert names_in(root) == []


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_everything_in_every_dialect_signed(
    smbd: Smbd, tmp_path: Path, dialect: Dialect
) -> None:
    offered = DIALECTS[: DIALECTS.index(dialect) + 1]
    settings = ClientSettings(client_guid=bytes(range(16)), dialects=offered)
    async with connected(smbd, settings) as share:
        protocol = share.session.connection.protocol
        assert protocol.dialect == dialect
        assert not share.session.state.encrypt_data
        assert share.session.state.signing_required
        await use_files_and_folders(share, smbd.share, tmp_path)


@pytest.mark.parametrize("dialect", DIALECTS[2:])
@pytest.mark.parametrize("name", ["data", "sealed"])
async def test_everything_in_every_dialect_encrypted(
    smbd: Smbd, tmp_path: Path, dialect: Dialect, name: str
) -> None:
    """The whole session, because the client wants it; one share, because the server does."""
    offered = DIALECTS[: DIALECTS.index(dialect) + 1]
    policy = EncryptionPolicy.REQUIRED if name == "data" else EncryptionPolicy.ALLOWED
    settings = ClientSettings(client_guid=bytes(range(16)), dialects=offered, encryption=policy)
    async with connected(smbd, settings, name) as share:
        assert share.session.connection.protocol.dialect == dialect
        assert share.session.state.encrypt_data == (name == "data")
        assert share.tree.target.encrypt == (name == "sealed")
        await use_files_and_folders(share, smbd.share, tmp_path)


@directly_and_through_a_gateway
@pytest.mark.parametrize("cipher", list(Cipher))
async def test_everything_with_every_cipher(smbd: Smbd, tmp_path: Path, cipher: Cipher) -> None:
    settings = ClientSettings(
        client_guid=bytes(range(16)), encryption=EncryptionPolicy.REQUIRED, ciphers=(cipher,)
    )
    async with connected(smbd, settings) as share:
        negotiated = share.session.connection.protocol.negotiated
        assert negotiated is not None
        assert negotiated.cipher == cipher
        await use_files_and_folders(share, smbd.share, tmp_path)


@directly_and_through_a_gateway
@pytest.mark.parametrize("algorithm", list(SigningAlgorithm))
async def test_everything_with_every_signing_algorithm(
    smbd: Smbd, tmp_path: Path, algorithm: SigningAlgorithm
) -> None:
    settings = ClientSettings(client_guid=bytes(range(16)), signing_algorithms=(algorithm,))
    async with connected(smbd, settings) as share:
        negotiated = share.session.connection.protocol.negotiated
        assert negotiated is not None
        assert negotiated.signing_algorithm == algorithm
        await use_files_and_folders(share, smbd.share, tmp_path)


@directly_and_through_a_gateway
async def test_a_tree_goes_there_and_back(share: Share, smbd: Smbd, tmp_path: Path) -> None:
    tree = {
        f"d{number % 5}/e{number % 3}/f {number}": CONTENT[: number * 99] for number in range(150)
    }
    for name, data in tree.items():
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    result = await share.put_tree(tmp_path / "source", "tree")
    assert (result.files, result.failures) == (150, [])
    assert files_in(smbd.share / "tree") == tree
    result = await share.copy_tree("tree", "copy")
    assert (result.files, result.failures) == (150, [])
    result = await share.get_tree("copy", tmp_path / "back")
    assert (result.files, result.failures) == (150, [])
    assert files_in(tmp_path / "back") == tree
    usage = await share.usage("tree")
    assert (usage.files, usage.folders, usage.bytes) == (150, 20, sum(map(len, tree.values())))
    await share.rmtree("tree")
    assert await share.listdir() == ["copy"]


def files_in(folder: Path) -> dict[str, bytes]:
    """The content of every file, by its path from `folder`."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@directly_and_through_a_gateway
async def test_a_folder_of_thousands_is_listed_whole(share: Share, smbd: Smbd) -> None:
    names = {f"a-rather-long-name-to-fill-the-answers-{number:04}" for number in range(3000)}
    for name in names:
        (smbd.share / name).touch()
    assert sorted(await share.listdir()) == sorted(names)
    assert len(await share.listdir(pattern="*-123?")) == 10


@directly_and_through_a_gateway
@pytest.mark.parametrize("name", ["Grüße", "日本語 ファイル", "I😀I", "ß", "a'b & c;d", "%41"])
async def test_names_are_unicode(share: Share, smbd: Smbd, name: str) -> None:
    await share.mkdir(name)
    await share.write_bytes(f"{name}/{name}.txt", b"content")
    assert (smbd.share / name / f"{name}.txt").read_bytes() == b"content"
    assert await share.listdir(name) == [f"{name}.txt"]
    assert (await share.stat(f"{name}/{name}.txt")).name == f"{name}.txt"
    assert await share.read_bytes(f"{name}/{name}.txt") == b"content"


@directly_and_through_a_gateway
async def test_what_is_known_of_a_file(share: Share, smbd: Smbd) -> None:
    await share.write_bytes("file", bytes(1000))
    await share.utime("file", modified=11 * 10**17, accessed=10**18, created=9 * 10**17)
    await share.set_attributes("file", FileAttributes.HIDDEN | FileAttributes.READONLY)
    stat = await share.stat("file")
    assert (stat.creation_time, stat.last_access_time, stat.last_write_time) == (
        9 * 10**17,
        10**18,
        11 * 10**17,
    )
    assert stat.attributes & ~FileAttributes.ARCHIVE == (
        FileAttributes.HIDDEN | FileAttributes.READONLY
    )
    assert (smbd.share / "file").stat().st_mtime_ns == 11 * 10**17
    with pytest.raises(smbquic.DeniedError):
        await share.remove("file")
    volume = await share.volume()
    assert volume.total >= volume.available > 0
    assert volume.file_system == "NTFS"


@directly_and_through_a_gateway
async def test_a_file_is_read_and_written_in_place(share: Share, smbd: Smbd) -> None:
    async with share.open("file", "w+b") as file:
        await file.write(bytes(100))
        await file.seek(40)
        await file.write(b"in the middle")
        await file.seek(38)
        assert await file.read(17) == b"\0\0in the middle\0\0"
        await file.truncate(60)
        await file.flush()
    async with share.open("file", "ab") as file:
        await file.write(b"end")
    assert (smbd.share / "file").read_bytes() == bytes(40) + b"in the middle" + bytes(7) + b"end"


@directly_and_through_a_gateway
async def test_what_is_refused(share: Share, smbd: Smbd) -> None:
    (smbd.share / "folder").mkdir()
    (smbd.share / "folder" / "file").write_bytes(b"content")
    (smbd.share / "other").write_bytes(b"content")
    with pytest.raises(FileNotFoundError):
        await share.stat("nothing")
    with pytest.raises(smbquic.NotFoundError) as caught:
        await share.stat("no/thing")
    assert caught.value.status == NtStatus.OBJECT_PATH_NOT_FOUND
    with pytest.raises(FileExistsError):
        await share.mkdir("folder")
    with pytest.raises(FileExistsError):
        await share.open("other", "xb")
    with pytest.raises(FileExistsError):
        await share.rename("other", "folder/file")
    with pytest.raises(IsADirectoryError):
        await share.open("folder")
    with pytest.raises(NotADirectoryError):
        await share.listdir("other")
    with pytest.raises(smbquic.StatusError) as refused:
        await share.rmdir("folder")
    assert refused.value.status == NtStatus.DIRECTORY_NOT_EMPTY
    assert files_in(smbd.share) == {"folder/file": b"content", "other": b"content"}


@directly_and_through_a_gateway
async def test_a_read_only_share_gives_and_does_not_take(smbd: Smbd, tmp_path: Path) -> None:
    (smbd.share / "file").write_bytes(b"content")
    async with smbquic.connect(smbd.url("readonly"), password=PASSWORD, ca=smbd.ca) as share:
        assert await share.read_bytes("file") == b"content"
        for change in (
            share.write_bytes("new", b""),
            share.remove("file"),
            share.mkdir("new"),
            share.rename("file", "new"),
            share.utime("file", modified=0),
        ):
            with pytest.raises(PermissionError):
                await change
    assert files_in(smbd.share) == {"file": b"content"}


@directly_and_through_a_gateway
async def test_a_wrong_password_is_refused(smbd: Smbd) -> None:
    with pytest.raises(smbquic.AuthenticationError) as caught:
        async with smbquic.connect(smbd.url(), password="wrong", ca=smbd.ca):
            pass
    assert caught.value.status == NtStatus.LOGON_FAILURE


@directly_and_through_a_gateway
async def test_an_unknown_share_is_refused(smbd: Smbd) -> None:
    with pytest.raises(smbquic.NotFoundError) as caught:
        async with smbquic.connect(smbd.url("nowhere"), password=PASSWORD, ca=smbd.ca):
            pass
    assert caught.value.status == NtStatus.BAD_NETWORK_NAME
