"""Other people's clients make and follow symbolic links on a share that shows them, over TCP."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import smbclient as smb  # type: ignore[import-untyped]

from smbquic.pki import PkiDirectory
from tests.interop.processes import PASSWORD, USER, ServerProcess, Smbclient, empty, running_server


@pytest.fixture(scope="module")
def _linking(
    pki: PkiDirectory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServerProcess, Path]]:
    folder = tmp_path_factory.mktemp("linking")
    shown, configuration = folder / "shown", folder / "smbquic.toml"
    shown.mkdir()
    configuration.write_text('[shares.links]\npath = "shown"\nlinks = true\n')
    with running_server(folder, pki, "-c", str(configuration)) as server:
        yield server, shown


@pytest.fixture
def port(_linking: tuple[ServerProcess, Path]) -> int:
    """Where the server listens."""
    return _linking[0].ports["tcp"]


@pytest.fixture
def shown(_linking: tuple[ServerProcess, Path]) -> Path:
    """The folder of the share `links`: a file in a folder, and a secret that is out of reach."""
    shown = _linking[1]
    empty(shown)
    (shown / "folder").mkdir()
    (shown / "folder" / "file").write_bytes(b"content")
    (shown.parent / "secret").write_bytes(b"secret")
    return shown


@pytest.mark.debian("smbclient")
def test_smbclient_makes_and_reads_links(port: int, shown: Path, local: Path) -> None:
    smbclient = Smbclient(port, local)
    code, output = smbclient("symlink folder/file link; readlink link; ls", share="links")
    assert code == 0, output
    assert r"\link -> folder\file" in output
    assert (shown / "link").readlink() == Path("folder/file")
    _, output = smbclient("symlink ../secret out; get out", share="links")
    assert "NT_STATUS_ACCESS_DENIED" in output
    assert not (shown / "out").is_symlink()
    code, output = smbclient("del link; ls folder/*", share="links")
    assert code == 0, output
    assert not (shown / "link").is_symlink()
    assert (shown / "folder" / "file").exists()


def test_smbprotocol_follows_links(port: int, shown: Path) -> None:
    (shown / "to folder").symlink_to("folder")
    (shown / "folder" / "up").symlink_to("../to folder/file")
    (shown / "out").symlink_to("../secret")
    (shown / "etc").symlink_to("/etc")
    share = r"\\localhost\links"
    smb.register_session("localhost", USER, PASSWORD, port=port)
    try:
        for name in ("to folder\\file", "folder\\up", "to folder\\up"):
            with smb.open_file(f"{share}\\{name}", "rb", port=port) as file:
                assert file.read() == b"content"
        assert sorted(smb.listdir(share, port=port)) == ["folder", "to folder"]
        assert smb.path.islink(f"{share}\\to folder", port=port)
        for name in ("out", "etc\\passwd"):
            with pytest.raises(OSError, match="No such file"):
                smb.open_file(f"{share}\\{name}", "rb", port=port)
        smb.symlink(f"{share}\\folder\\file", f"{share}\\made", port=port)
        assert (shown / "made").readlink() == Path("folder/file")
    finally:
        smb.delete_session("localhost", port=port)
