"""`--help` on a terminal of 80 columns, and -v wherever it is written."""

from collections.abc import Iterator

import click
import pytest

from smbquic.cli.command import OWN, sections
from smbquic.cli.failure import ExitCode
from smbquic.cli.main import cli, main
from smbquic.options.headings import COMMON, CONNECTION, TLS


def _contexts(parent: click.Context) -> Iterator[click.Context]:
    yield parent
    if isinstance(parent.command, click.Group):
        for name, command in parent.command.commands.items():
            yield from _contexts(click.Context(command, info_name=name, parent=parent))


ROOT = click.Context(cli, info_name="smbquic", terminal_width=80, **cli.context_settings)
ALL = list(_contexts(ROOT))


@pytest.mark.parametrize("context", ALL, ids=[context.command_path for context in ALL])
class TestHelp:
    def test_nothing_is_cut_off_or_wrapped_at_80_columns(self, context: click.Context) -> None:
        lines = context.get_help().splitlines()
        assert [line for line in lines if len(line) > 80] == []
        assert [line for line in lines if line.endswith("...") and "Usage:" not in line] == []

    def test_a_command_without_its_group_knows_h(self, context: click.Context) -> None:
        alone = context.command.make_context("x", [], resilient_parsing=True)
        assert alone.help_option_names == ["-h", "--help"]

    def test_every_command_has_an_example_that_can_be_typed(self, context: click.Context) -> None:
        if isinstance(context.command, click.Group):
            return
        lines = context.get_help().splitlines()
        assert any(line.startswith(f"  {context.command_path}") for line in lines), lines

    def test_every_option_says_what_it_does(self, context: click.Context) -> None:
        options = [each for each in context.command.params if isinstance(each, click.Option)]
        assert [option.name for option in options if not option.help] == []

    def test_v_may_come_after_the_command(self, context: click.Context) -> None:
        assert any("-v" in parameter.opts for parameter in context.command.params)


def test_a_commands_own_options_come_first() -> None:
    command = cli.commands["ls"]
    found = sections(command, click.Context(command, info_name="ls", parent=ROOT))
    assert list(found) == [OWN, COMMON, CONNECTION, TLS]
    assert [names for names, _ in found[OWN]] == ["-l, --long", "-a, --all"]
    assert [names.split()[-1] for names, _ in found[COMMON]][-1] == "--help"


@pytest.mark.parametrize(
    ("given", "words", "not_words"),
    [
        (["serve", "--bogus"], "No such option '--bogus'.", "mean"),
        (["serve", "--gest"], "Did you mean '--guest'?", "cert"),
        (["serv"], "Did you mean 'serve'?", "user"),
        (["bogus"], "No such command 'bogus'.", "mean"),
    ],
)
def test_only_what_is_close_is_suggested(
    given: list[str], words: str, not_words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(given) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert words in said
    assert not_words not in said.splitlines()[-1].replace(words, "")
