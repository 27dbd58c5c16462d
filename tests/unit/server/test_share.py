"""Names of shares."""

from pathlib import Path

import pytest

from smbquic.api import server as api
from smbquic.server.share import check_share_name


@pytest.mark.parametrize(
    "name", ["data", "C$", "Bücher & Filme", "a.b", "#1 (50%)", "x" * 80, "𝄞" * 40]
)
def test_names_that_can_be_reached(name: str) -> None:
    check_share_name(name)


@pytest.mark.parametrize("character", [*'"\\/[]:|<>+=;,*?', "\0", "\n", "\x1f"])
def test_characters_that_no_name_has(character: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a share: it holds"):
        check_share_name(f"da{character}ta")


def test_the_first_character_that_no_name_has_is_told() -> None:
    with pytest.raises(ValueError, match=r"it holds '\*'"):
        check_share_name("d|a*")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "needs a name"),
        ("x" * 81, "at most 80 characters"),
        ("𝄞" * 41, "at most 80 characters, and .* has 82"),
        ("IPC$", "reserved"),
        ("ipc$", "reserved"),
        ("Pipe", "reserved"),
        ("..", "reserved"),
        ("\udcff", "not Unicode"),
    ],
)
def test_names_that_are_none(name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_share_name(name)


async def test_the_library_refuses_them_too(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'da/ta' cannot be the name of a share"):
        async with api.serve({"da/ta": tmp_path}, {"alice": "x"}, ["tcp://127.0.0.1:0"]):
            pass
