"""Completion by the shell: what is offered, how bash gets it, and where the scripts are put."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import CompletionItem

from smbquic.cli.completion import _Bash, _open_quote
from smbquic.cli.main import cli, main
from tests.imported import ENGINES, imported

Complete = Callable[[str], list[str]]

CONFIG = """
[profiles.fs]
url = "smb+quic://fs.example/data"
[profiles.fritz]
url = "smb://nas.example/data"
"""


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Complete:
    """Return the completions of a line of bash, as it is handed to the script."""
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    monkeypatch.setenv("SMBQUIC_CONFIG", str(config))
    monkeypatch.delenv("COMP_WORDBREAKS", raising=False)

    def completed(line: str) -> list[str]:
        monkeypatch.setenv("COMP_LINE", line)
        monkeypatch.setenv("COMP_POINT", str(len(line)))
        return _Bash(cli, {}, "smbquic", "X").complete().splitlines()

    return completed


def test_commands(complete: Complete) -> None:
    assert complete("smbquic p") == ["plain,ping", "plain,pki", "plain,probe", "plain,put"]
    assert complete("smbquic pki in") == ["plain,init", "plain,inspect"]
    assert "plain,--version" in complete("smbquic --v")


def test_options_and_their_values(complete: Complete) -> None:
    assert complete("smbquic ls --congestion ") == ["plain,cubic", "plain,bbr", "plain,reno"]
    assert complete("smbquic ls --congestion=b") == ["plain,bbr"]
    assert "plain,--authentication-file" in complete("smbquic ls --a")


def test_profiles(complete: Complete) -> None:
    assert complete("smbquic ls f") == ["nospace,fs:", "nospace,fritz:"]
    assert complete("smbquic ls ") == ["nospace,fs:", "nospace,fritz:"]
    assert complete("smbquic ls -l --timeout 3 fr") == ["nospace,fritz:"]
    assert complete("smbquic ls x") == []


def test_what_is_before_the_cursor_counts(
    complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete("smbquic ls fr --timeout 3")
    monkeypatch.setenv("COMP_POINT", "13")
    assert _Bash(cli, {}, "smbquic", "X").complete() == "nospace,fritz:"


@pytest.mark.parametrize(
    ("line", "args", "last"),
    [
        ("smbquic ls ", ["ls"], ""),
        ("smbquic ls a", ["ls"], "a"),
        (r"smbquic ls a\ ", ["ls"], "a "),
        (r"smbquic ls a\\ ", ["ls", "a\\"], ""),
        ('smbquic ls "a ', ["ls"], "a "),
        ("smbquic ls 'a b' ", ["ls", "a b"], ""),
    ],
)
def test_the_word_at_the_cursor(
    line: str, args: list[str], last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    assert _Bash(cli, {}, "smbquic", "X").get_completion_args() == (args, last)


def test_another_file_and_one_that_is_wrong(complete: Complete, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[profiles.web]\nurl = "smb://h"')
    assert complete(f"smbquic ls --config {other} ") == ["nospace,web:"]
    other.write_text("[profiles")
    assert complete(f"smbquic ls --config {other} ") == []


def test_an_argument_on_this_machine_is_left_to_the_shell(complete: Complete) -> None:
    assert complete("smbquic get fs:a ./in") == ["file,./in"]
    assert complete("smbquic put in") == ["file,in"]
    assert complete("smbquic sync ./in") == ["file,./in"]
    assert complete("smbquic sync fr") == ["nospace,fritz:"]
    assert complete("smbquic put in.txt fr") == ["nospace,fritz:", "file,fr"]


@pytest.mark.parametrize(
    ("typed", "value", "inserted"),
    [
        ("fs:in/re", "fs:in/report one.pdf", r"in/report\ one.pdf"),
        ("fs:a:b", "fs:a:b:c", "b:c"),
        ("fs:", "fs:$(touch x)'\"`;*", r"\$\(touch\ x\)\'\"\`\;\*"),
        ("fs:", "fs:größe", "größe"),
        ('"fs:my', "fs:my $a", r"fs:my \$a"),
        ("'fs:my", "fs:my $a", "fs:my $a"),
    ],
)
def test_names_are_quoted_for_bash(
    typed: str, value: str, inserted: str, complete: Complete
) -> None:
    complete(f"smbquic ls {typed}")
    item = CompletionItem(value)
    assert _Bash(cli, {}, "smbquic", "X").format_completion(item) == f"plain,{inserted}"


def test_bash_may_not_separate_words_at_colons(
    complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete("smbquic ls fs:a")
    monkeypatch.setenv("COMP_WORDBREAKS", " \t\n")
    assert (
        _Bash(cli, {}, "smbquic", "X").format_completion(CompletionItem("fs:ab")) == "plain,fs:ab"
    )


@pytest.mark.parametrize(
    ("line", "quote"),
    [("a", ""), ("a 'b", "'"), ('a "b', '"'), ('a "b"', ""), (r"a \"b", ""), ("a 'b\\' c", "")],
)
def test_open_quotation_marks(line: str, quote: str) -> None:
    assert _open_quote(line) == quote


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_itself(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    program = tmp_path / "smbquic"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m smbquic "$@"\n')
    program.chmod(0o755)
    script = """
        eval "$(smbquic completion bash)"
        COMP_LINE="smbquic ls f" COMP_POINT=12
        _smbquic_completion smbquic ls f 2>/dev/null
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "SMBQUIC_CONFIG": str(config),
    }
    result = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout == "fs:\nfritz:\n"


@pytest.mark.parametrize(
    ("shell", "begins", "place"),
    [
        ("bash", "_smbquic_completion() {", "data/bash-completion/completions/smbquic"),
        ("zsh", "#compdef smbquic\n", "data/zsh/site-functions/_smbquic"),
        ("fish", "function _smbquic_completion\n", "config/fish/completions/smbquic.fish"),
    ],
)
def test_the_script_is_printed_or_put_where_the_shell_looks(
    shell: str,
    begins: str,
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("logging.disable", lambda: None)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("BASH_COMPLETION_USER_DIR", raising=False)
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert script.startswith(begins)
    assert "%%" not in script.replace("%%,", "")
    assert main(["completion", shell, "--install"]) == 0
    assert (tmp_path / place).read_text() == script
    assert f"{tmp_path / place} is written" in capsys.readouterr().out


def test_the_folder_that_bash_completion_has_been_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logging.disable", lambda: None)
    monkeypatch.setenv("BASH_COMPLETION_USER_DIR", f"{tmp_path}:/elsewhere")
    assert main(["completion", "bash", "--install"]) == 0
    assert (tmp_path / "completions" / "smbquic").is_file()


def test_the_exit_code_for_the_shell(
    complete: Complete, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("logging.disable", lambda: None)
    complete("smbquic pi")
    monkeypatch.setenv("_SMBQUIC_COMPLETE", "bash_complete")
    assert main([]) == 0
    assert capsys.readouterr().out == "plain,ping\n"


def test_completing_commands_imports_none_of_them() -> None:
    program = (
        "import os\n"
        "os.environ.update(COMP_LINE='smbquic l', COMP_POINT='9',"
        " _SMBQUIC_COMPLETE='bash_complete')\n"
        "from smbquic.cli.main import main\n"
        "assert main([]) == 0"
    )
    modules = imported(program)
    assert not modules & {*ENGINES, "asyncio", "cryptography", "smbquic.cli.listing"}
