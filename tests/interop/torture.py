"""Samba's own test suite against our server, and the outcomes that are expected."""

import json
import re
import subprocess
from pathlib import Path

from tests.interop.processes import PASSWORD, SHARE, USER, empty

SUITES = (
    "smb2.connect",
    "smb2.tcon",
    "smb2.read",
    "smb2.mkdir",
    "smb2.credits",
    "smb2.compound",
    "smb2.rw",
    "smb2.session-id",
    "smb2.ioctl",
    "smb2.ioctl-on-stream",
    "smb2.streams",
    "smb2.acls",
    "smb2.sdread",
    "smb2.setinfo",
    "smb2.getinfo",
    "smb2.fileid",
    "smb2.winattr",
    "smb2.openattr",
    "smb2.maximum_allowed",
    "smb2.delete-on-close-perms",
    "smb2.lock",
    "smb2.sharemode",
    "smb2.deny",
    "smb2.rename",
    "smb2.durable-open",
    "smb2.session",
)
"""Suites that CI runs: quick ones with the same results each time."""
FURTHER_SUITES = (
    "smb2.create",
    "smb2.dir",
    "smb2.compound_find",
    "smb2.timestamps",
    "smb2.timestamp_resolution",
    "smb2.ea",
    "smb2.notify",
    "smb2.oplock",
    "smb2.lease",
    "smb2.dirlease",
    "smb2.durable-v2-open",
    "smb2.replay",
    "smb2.multichannel",
    "smb2.secleak",
    "smb2.zero-data-ioctl",
    "smb2.set-sparse-ioctl",
    "smb2.charset",
    "smb2.dosmode",
    "smb2.maxfid",
    "smb2.compound_async",
    "smb2.twrp",
)
"""The others that are about files; see `score`."""
NEED_ATTRIBUTES = frozenset(
    {
        "smb2.streams",
        "smb2.acls",
        "smb2.sdread",
        "smb2.setinfo",
        "smb2.getinfo",
        "smb2.winattr",
        "smb2.maximum_allowed",
        "smb2.delete-on-close-perms",
        "smb2.rename",
        "smb2.durable-open",
        "smb2.session",
    }
)
"""Suites about data in extended attributes, which not every disk has."""
NEED_OPEN_FILES = {"smb2.credits": 16384}
"""How many descriptors the server must be allowed to have, where that is more than usual; it lets
one user have an eighth of them as open files."""
NEED_OLD_CLIENTS = frozenset(
    f"smb2.session.bind_negative_{name}{channels}"
    for name in ("smb210", "smb2to3", "smb3to2", "smb3signGtoH2X", "smb3signH2XtoG")
    for channels in "ds"
)
"""Tests that pass with `OLD_CLIENTS` only: one of their connections speaks 2.1."""
EXPECTED = Path(__file__).with_name("smbtorture-expected.json")
RENEW = "python -m tests.interop.renew"
SUITE_SECONDS = 240.0

_OUTCOMES = {"success": "pass", "xfail": "pass", "skip": "skip"}
_LINE = re.compile(r"^(success|failure|error|skip|xfail): (\S+)", re.MULTILINE)


def expected(*, old_clients: bool = True) -> dict[str, str]:
    """The committed outcomes: test to ``pass``, ``fail`` or ``skip``.

    Those of a server with `OLD_CLIENTS`, or of one with the defaults.
    """
    outcomes: dict[str, str] = json.loads(EXPECTED.read_text())
    if not old_clients:
        outcomes |= dict.fromkeys(NEED_OLD_CLIENTS, "fail")
    return outcomes


def run(
    suite: str, port: int, share: Path, seconds: float = SUITE_SECONDS
) -> tuple[dict[str, str], str]:
    """Run one suite in an empty share; the outcome on each of its tests, and all it printed.

    What it has not come to after so many seconds is missing.
    """
    empty(share)
    command = [
        *("smbtorture", f"//127.0.0.1/{SHARE}", f"-p{port}"),
        *(f"-U{USER}%{PASSWORD}", "-s/dev/null", "--option=client min protocol=SMB2_10"),
        *("--seed=1", suite),
    ]
    try:
        printed = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            # It leaves folders where it is run.
            cwd=share.parent,
        ).stdout
    except subprocess.TimeoutExpired as expired:
        printed = expired.stdout or b""
    text = printed.decode(errors="replace")
    outcomes = {}
    for word, name in _LINE.findall(text):
        full_name = name if name.startswith(suite) else f"{suite}.{name}"
        outcomes[full_name] = _OUTCOMES.get(word, "fail")
    return outcomes, text
