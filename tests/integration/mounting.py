"""A share that is mounted by a process of its own, for tests that use it as any program does."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from smbquic.auth.users import UserStore
from smbquic.pki import PkiDirectory
from tests.integration.program import PASSWORD, TIMEOUT, Served, environment, running

needs_fuse = pytest.mark.skipif(
    not os.access("/dev/fuse", os.R_OK | os.W_OK) or find_spec("mfusepy") is None,
    reason="no /dev/fuse for this user, or no mfusepy",
)


@contextlib.contextmanager
def mounted(
    folder: Path, url: str, *arguments: str, ca: str = "", password: str = PASSWORD
) -> Iterator[Path]:
    """The share of a URL on a folder, which is made; it has to end with exit code 0."""
    folder.mkdir(exist_ok=True)
    log = folder.with_suffix(".log")
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "smbquic", "mount", *arguments, "--json", url, str(folder)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(SMBQUIC_PASSWORD=password, **({"SMBQUIC_CA": ca} if ca else {})),
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, log.read_text()
            assert json.loads(line) == {"event": "ready", "folder": str(folder.resolve())}
            yield folder
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT) == 0
            assert json.loads(process.stdout.readline()) == {"event": "stopped"}
        finally:
            process.kill()
            process.communicate()
            # Whatever has happened, no mount without a program is to be left.
            subprocess.run(["fusermount3", "-u", "-z", "-q", folder], check=False)
    text = log.read_text()
    assert "Traceback" not in text, text


@contextlib.contextmanager
def serving(folder: Path, pki: PkiDirectory) -> Iterator[Served]:
    """A server over TCP and QUIC, whose share shows and takes symbolic links."""
    users = UserStore()
    users.add("alice", PASSWORD)
    users.save(folder / "users.txt")
    (folder / "share").mkdir()
    (folder / "server.toml").write_text(
        f'users_file = "users.txt"\n[shares.data]\npath = "share"\nlinks = true\n'
        f'[[certificate]]\nfile = "{pki.server.certificate}"\nkey = "{pki.server.key}"\n'
    )
    listen = ("--listen", "tcp://127.0.0.1:0", "--listen", "quic://127.0.0.1:0")
    with running("serve", "-c", str(folder / "server.toml"), *listen) as ready:
        yield Served(folder / "share", pki, ready["listeners"])


def run(*command: str | Path, cwd: Path | None = None, **options: Any) -> str:
    """The output of a program, which has to succeed."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        **options,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
