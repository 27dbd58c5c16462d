"""The connection IDs of a server whose options say how they are made."""

from pathlib import Path

import pytest

import smbquic
from smbquic.api.connection_ids import connection_id_format
from smbquic.errors import ConfigError
from smbquic.options.connection_ids import ConnectionIdOptions
from smbquic.options.quic import EngineName
from smbquic.pki import PkiDirectory
from smbquic.transport import quic
from smbquic.transport.quic.connection_ids import ConnectionIdFormat
from smbquic.transport.quic.transport import QuicTransport
from tests.engines import ENGINES
from tests.integration.internals import library_of
from tests.integration.program import is_one_line
from tests.integration.program import smbquic as run
from tests.polling import eventually

SERVER_ID = bytes.fromhex("c0ffee")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "ids.key"
    path.touch(mode=0o600)
    path.write_text("8f95f09245765f80256934e50c66207f\n")
    return path


def test_the_format_is_made_of_the_options(key_file: Path) -> None:
    assert connection_id_format(ConnectionIdOptions()) == ConnectionIdFormat()
    options = ConnectionIdOptions(server_id=SERVER_ID, key_file=key_file, nonce_size=5, rotation=2)
    assert connection_id_format(options) == ConnectionIdFormat(
        server_id=SERVER_ID,
        key=bytes.fromhex("8f95f09245765f80256934e50c66207f"),
        nonce_size=5,
        rotation=2,
    )


@pytest.mark.parametrize("content", ["", "8f95", "no digits", "\xfc" * 32, "8f" * 17])
def test_a_file_without_a_key_is_an_error(key_file: Path, content: str) -> None:
    key_file.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"the key of connection IDs"):
        connection_id_format(ConnectionIdOptions(server_id=SERVER_ID, key_file=key_file))


def test_a_key_that_others_can_read_is_an_error(key_file: Path) -> None:
    key_file.chmod(0o644)
    with pytest.raises(ConfigError, match=r"others can read or change this key"):
        connection_id_format(ConnectionIdOptions(server_id=SERVER_ID, key_file=key_file))


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    options = ConnectionIdOptions(server_id=SERVER_ID, key_file=tmp_path / "none")
    with pytest.raises(ConfigError, match="none: cannot be read: No such file"):
        connection_id_format(options)


def test_sizes_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(ConfigError, match="connection_ids: the nonce has 4 bytes at least"):
        connection_id_format(ConnectionIdOptions(server_id=bytes(16)))


@pytest.mark.one_process
@pytest.mark.parametrize("engine", ENGINES)
async def test_a_server_issues_ids_with_its_server_id(
    tmp_path: Path, pki: PkiDirectory, engine: EngineName
) -> None:
    async with smbquic.serve(
        {"data": tmp_path},
        {},
        ["quic://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
        engine=engine,
        connection_ids=ConnectionIdOptions(server_id=SERVER_ID),
    ) as serving:
        client = await quic.connect(
            "127.0.0.1",
            int(serving.listeners[0].rpartition(":")[2]),
            trust=quic.ClientTls(ca=pki.ca),
            options=quic.QuicOptions(engine="aioquic"),
        )
        assert isinstance(client, QuicTransport)
        library = library_of(client)
        if engine == "aioquic":
            await eventually(lambda: bool(library._peer_cid_available))
        ids = [library._peer_cid.cid, *(each.cid for each in library._peer_cid_available)]
        client.close()
        await client.wait_closed()
    # All of them have the length that they say, and the server ID that a load balancer reads.
    assert {each[:4] for each in ids} == {bytes([16]) + SERVER_ID}
    assert {len(each) for each in ids} == {17}


def test_the_command_line_says_what_is_missing(key_file: Path) -> None:
    result = run(
        *("gateway", "--backend", "tcp://127.0.0.1:445", "--listen", "quic://127.0.0.1:0"),
        *("--connection-id-key-file", str(key_file)),
    )
    is_one_line(result, 2, "a key, nonce size or config rotation needs a server ID")
