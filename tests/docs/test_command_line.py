"""The examples in the commands' help, all of which are on docs/reference/command-line.md."""

import re
import shlex
from pathlib import Path

import click
import pytest

from smbquic.cli.main import cli
from tests.docs.pages import blocks

PAGE = "docs/reference/command-line.md"
EXAMPLES = [
    line[line.index("smbquic ") :]
    for block in blocks(PAGE)
    for line in re.sub(r"\\\n *", "", block.text).splitlines()
    if "smbquic " in line
]


@pytest.fixture(autouse=True)
def _files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There is a profile; other files that examples name need not be there."""
    config = tmp_path / "config.toml"
    config.write_text('[profiles.fs]\nurl = "smb+quic://alice@fs.example/data"')
    monkeypatch.setenv("SMBQUIC_CONFIG", str(config))
    for kind in (click.Path, click.File):
        monkeypatch.setattr(kind, "convert", lambda self, value, parameter, context: value)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_understood(example: str) -> None:
    # What a pipe, or a remark beside the command, begins with is not its own.
    _, *arguments = shlex.split(re.split(r" [|>] |   ", example)[0], comments=True)
    context, command = click.Context(cli, info_name="smbquic"), cli
    while isinstance(command, click.Group):
        name, found, arguments = command.resolve_command(context, arguments)
        assert found is not None
        assert name is not None
        command = found  # type: ignore[assignment]
        context = click.Context(command, info_name=name, parent=context)
    command.make_context(command.name, arguments, parent=context.parent)
