"""The shares of `smbquic serve`."""

import re
from pathlib import Path

import click
import pytest

from smbquic.cli.shares import configured_share, parse_share, share_of
from smbquic.options.share import ShareFolder
from smbquic.storage.local import LocalStorage
from smbquic.storage.memory import MemoryStorage


def test_folders_are_shares_of_their_own_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    monkeypatch.chdir(papers)
    share = share_of(Path())
    assert (share.name, share.read_only) == ("papers", False)
    assert isinstance(share.storage, LocalStorage)
    share.storage.close()


def test_a_folder_whose_name_no_share_can_have(tmp_path: Path) -> None:
    odd = tmp_path / "a;b"
    odd.mkdir()
    for folder in (odd, Path("/")):
        with pytest.raises(click.UsageError, match="use --share NAME="):
            share_of(folder)


@pytest.mark.parametrize(
    "text", ["data", "=x", "da/ta=.", "IPC$=.", "data=none", "x=memory:much", "x=nothing:here"]
)
def test_shares_that_are_none(text: str) -> None:
    with pytest.raises(click.UsageError, match=f"^--share {re.escape(text)}: "):
        parse_share(text)


@pytest.mark.parametrize(("ending", "read_only"), [("", False), (":ro", True)])
def test_shares_in_memory(ending: str, read_only: bool) -> None:
    share = parse_share(f"tmp=memory:64K{ending}")

    assert isinstance(share.storage, MemoryStorage)
    assert share.storage.volume().total_bytes == 64 << 10
    assert share.read_only == share.storage.read_only == read_only


def test_a_configured_share_in_memory() -> None:
    share = configured_share(ShareFolder(name="tmp", path="memory:64K", read_only=True))

    assert isinstance(share.storage, MemoryStorage)
    assert share.read_only
    assert share.storage.read_only


def test_a_configured_share_that_is_none() -> None:
    with pytest.raises(click.UsageError, match=r"^shares\.tmp\.path: .*write memory:BYTES,FILES"):
        configured_share(ShareFolder(name="tmp", path="memory:much"))
