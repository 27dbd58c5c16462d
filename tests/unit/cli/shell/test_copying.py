"""What `mget` and `mput` select, and where it goes: names of a hostile server lead nowhere."""

from pathlib import Path

import pytest

from smbquic.cli.client import Client
from smbquic.cli.failure import PartialFailure
from smbquic.cli.shell import copying
from smbquic.cli.shell.state import Shell
from smbquic.cli.shell.table import VERBS
from smbquic.cli.shell.verb import VerbError
from smbquic.client.share import Share
from smbquic.client.url import SmbUrl
from smbquic.errors import SecurityError
from tests.unit.client.conftest import server, share, transport
from tests.unit.client.fakes import FakeServer
from tests.unit.client.test_tree import FILE, FOLDER, LINK, Disk

__all__ = ["server", "share", "transport"]  # the fixtures


@pytest.fixture
def shell(share: Share, tmp_path: Path) -> Shell:
    """A shell of that share, which begins in an empty folder."""
    url = SmbUrl.parse("smb://alice@fs.example/data")
    here = tmp_path / "here"
    here.mkdir()
    return Shell(Client({}), share, url, VERBS, interactive=False, local_folder=here)


@pytest.mark.parametrize("name", ["..\\x", "a/b", "/etc/x", "", ".\uf029"])
async def test_names_that_lead_out(shell: Shell, server: FakeServer, name: str) -> None:
    Disk(server, {"": {name: (FILE, b"x")}})
    with pytest.raises(SecurityError):
        await copying.mget(shell, "*")
    assert [path.name for path in shell.local_folder.parent.rglob("*")] == ["here"]


@pytest.mark.parametrize("name", ["..\uf026..\uf026x", "C:\\".replace("\\", "\uf026"), "C\uf022"])
async def test_names_that_only_look_so(shell: Shell, server: FakeServer, name: str) -> None:
    Disk(server, {"": {name: (FILE, b"x")}})
    await copying.mget(shell, "*")
    [path] = shell.local_folder.rglob("*")
    assert path.parent == shell.local_folder


async def test_a_local_link_is_not_followed(shell: Shell, server: FakeServer) -> None:
    folders = {"": {"f": (FOLDER, b""), "g": (FILE, b"x")}, "f": {"a": (FILE, b"x")}}
    Disk(server, folders)
    outside = shell.local_folder.parent / "outside"
    outside.mkdir()
    (shell.local_folder / "f").symlink_to(outside)
    shell.settings.recurse = True
    with pytest.raises(PartialFailure, match="1 failure, the rest is done"):
        await copying.mget(shell)
    assert not list(outside.iterdir())
    assert (shell.local_folder / "g").read_bytes() == b"x"


async def test_links_on_the_share_are_left_out(
    shell: Shell, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    Disk(server, {"": {"l": (LINK, b""), "d": (LINK | FOLDER, b""), "f": (FILE, b"x")}})
    shell.settings.recurse = True
    await copying.mget(shell)
    assert [path.name for path in shell.local_folder.iterdir()] == ["f"]
    assert capsys.readouterr().err.count("left out, it is a symbolic link") == 2


async def test_a_listing_without_an_end(
    shell: Shell, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "MOST_FILES", 2)
    Disk(server, {"": dict.fromkeys("abc", (FILE, b"x"))})
    with pytest.raises(VerbError, match="more than 2 files"):
        await copying.mget(shell)
    assert not list(shell.local_folder.iterdir())
