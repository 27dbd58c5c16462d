"""The pages for who works on smbquic: what their blocks do cannot be done within a test."""

import re

from tests.docs.machine import ReaderMachine
from tests.docs.pages import ROOT, read
from tests.docs.reading import Reader

CI = ".ci/run does this, from the package index"
LONG = "takes minutes"


def test_contributing(machine: ReaderMachine) -> None:
    with Reader(machine, "CONTRIBUTING.md") as reader:
        reader.leave_out("python3.11 -m venv --upgrade-deps .venv", why=CI)
        reader.leave_out(".venv/bin/ruff format .", why=CI)
        reader.leave_out("cd native", why=CI)
        reader.leave_out("@pytest.mark.debian", why="shows how a test is written")
        reader.leave_out("apt install", why="needs root, and Debian's archive")
        reader.leave_out(".venv/bin/pip install -e . --group test --group fuzz", why=LONG)
        reader.leave_out(".venv/bin/pip install -e . --group test --group mutation", why=LONG)
        reader.leave_out(".venv/bin/pip install -q --group docs", why="test_site builds it")
        reader.leave_out(
            "python3.11 -m venv --upgrade-deps /tmp/lock", why="asks the package index"
        )


def test_what_ci_is_said_to_do_it_does() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    for command in ('ruff"* format', 'ruff"* check', 'mypy"* --strict', "--group lint"):
        for text in (read("CONTRIBUTING.md"), script):
            assert re.search(command, text), command
    for command in ("/pytest -n auto", "smbquic demo"):
        assert f"{command}\n" in read("README.md")
        assert f"readme_command '{command}'" in script


def test_publishing_results(machine: ReaderMachine) -> None:
    with Reader(machine, "docs/explanation/benchmark-method.md") as reader:
        reader.leave_out("at=benchmarks/results", why=LONG)
