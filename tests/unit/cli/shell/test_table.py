"""The table of verbs."""

import inspect

import pytest

from smbquic.cli.shell.table import VERBS
from smbquic.cli.shell.verb import ArgumentKind, Verb

ASKED_FOR = """help ? cd lcd pwd lpwd ls dir l get put mget mput reget reput more cat rm del deltree
mkdir md rmdir rd rename hardlink symlink readlink scopy stat allinfo altname volume du df recurse
prompt mask lowercase showconnect notify setmode utimes timeout history exit quit q"""


def test_smbclients_verbs_are_there() -> None:
    assert sorted(VERBS.names()) == sorted(ASKED_FOR.split())


@pytest.mark.parametrize("verb", list(VERBS), ids=lambda verb: verb.name)
def test_a_function_takes_what_the_usage_says(verb: Verb) -> None:
    _, *parameters = inspect.signature(verb.run).parameters.values()
    takes_any = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    positional = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    arguments = verb.arguments
    assert takes_any == (bool(arguments) and arguments[-1].repeated)
    once = [each for each in arguments if not each.repeated]
    assert len(positional) == len(once)
    for parameter, argument in zip(positional, once, strict=True):
        assert argument.optional == (parameter.default is not parameter.empty)


def test_names_in_usage_lines_have_a_kind() -> None:
    texts = {
        argument.name
        for verb in VERBS
        for argument in verb.arguments
        if argument.kind is ArgumentKind.TEXT and not argument.choices
    }
    assert texts == {"TARGET", "MODE", "CREATE", "ACCESS", "WRITE", "CHANGE", "SECONDS"}


def test_the_table_fits_on_a_terminal() -> None:
    assert max(map(len, VERBS.table())) <= 80
    assert any(line.startswith("! [COMMAND]") for line in VERBS.table())
