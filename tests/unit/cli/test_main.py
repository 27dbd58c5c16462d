"""The program as a whole: what it imports."""

import pytest

from tests.imported import ENGINES, SERVER, command, imported

HEAVY = {*ENGINES, *SERVER, "asyncio", "cryptography", "rich", "spnego", "smbquic.client.share"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["-h"]])
def test_what_needs_no_command_imports_no_engine_and_no_cryptography(arguments: list[str]) -> None:
    modules = imported(command(*arguments))
    assert not modules & HEAVY
    ours = {name for name in modules if name.startswith("smbquic")}
    assert len(ours) <= 20, ours


def test_the_package_itself_imports_nothing() -> None:
    ours = {name for name in imported("import smbquic") if name.startswith("smbquic")}
    assert ours == {"smbquic", "smbquic.lazy"}
