"""Samba's smbtorture against our server, compared with the list of expected outcomes."""

import os
import re
import resource
from pathlib import Path

import pytest

from smbquic.pki import PkiDirectory
from tests.interop import torture
from tests.interop.processes import OLD_CLIENTS, ServerProcess, running_server

KNOWN_FAILURES = Path(__file__).with_name("KNOWN_FAILURES.md")


def has_attributes(folder: Path) -> bool:
    try:
        os.setxattr(folder, "user.test", b"")
        os.removexattr(folder, "user.test")
    except OSError:
        return False
    return True


@pytest.mark.debian("smbtorture")
@pytest.mark.parametrize("suite", torture.SUITES)
def test_the_verdicts_are_the_expected_ones(server: ServerProcess, suite: str) -> None:
    _compare(server, suite, torture.expected(old_clients=False))


@pytest.mark.debian("smbtorture")
def test_the_verdicts_are_the_expected_ones_where_old_clients_are_let_in(
    pki: PkiDirectory, tmp_path: Path
) -> None:
    with running_server(tmp_path, pki, *OLD_CLIENTS) as server:
        _compare(server, "smb2.session", torture.expected())


def _compare(server: ServerProcess, suite: str, known: dict[str, str]) -> None:
    """Run a suite; its outcomes are those of the list."""
    if suite in torture.NEED_ATTRIBUTES and not has_attributes(server.share):
        pytest.skip("the disk of the temporary folder has no extended attributes")
    # The server raises its limit as far as it may.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != most < torture.NEED_OPEN_FILES.get(suite, 0):
        pytest.skip(f"no more than {most} open files are allowed here")
    outcomes, text = torture.run(suite, server.ports["tcp"], server.share)
    assert outcomes, text
    expected = {
        name: outcome
        for name, outcome in known.items()
        if name == suite or name.startswith(f"{suite}.")
    }
    worse: list[str] = []
    better: list[str] = []
    for name in sorted({*outcomes, *expected}):
        was, now = expected.get(name, "nothing"), outcomes.get(name, "nothing")
        if was != now:
            (better if now == "pass" else worse).append(f"{name}: {was} -> {now}")
    assert not worse, "worse than before:\n" + "\n".join([*worse, text])
    assert not better, (
        "better than before; write it down with "
        f"`{torture.RENEW}` and in {KNOWN_FAILURES.name}:\n" + "\n".join(better)
    )


def test_every_failure_has_a_reason_that_is_written_down() -> None:
    failing = {name for name, outcome in torture.expected().items() if outcome == "fail"}
    explained = set(re.findall(r"^\| `(smb2\.\S+)` \|", KNOWN_FAILURES.read_text(), re.MULTILINE))
    assert explained == failing
