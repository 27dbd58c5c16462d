"""Debian's smbget against our server, over TCP: libsmbclient, as file managers use it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.processes import PASSWORD, SHARE, USER, ServerProcess
from tests.interop.test_smbclient import content, files_in

pytestmark = pytest.mark.debian("smbget")

Smbget = Callable[..., None]


@pytest.fixture
def smbget(server: ServerProcess, local: Path) -> Smbget:
    """Runs it in the client's folder, about a name in the share."""
    url = f"smb://localhost:{server.ports['tcp']}/{SHARE}"

    def run(name: str, *options: str) -> None:
        done = subprocess.run(
            ["smbget", "-s", "/dev/null", "-q", "-U", f"{USER}%{PASSWORD}", *options, url + name],
            cwd=local,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout

    return run


@pytest.mark.parametrize("options", [(), ("--encrypt",)])
def test_a_tree_is_fetched(
    smbget: Smbget, server: ServerProcess, local: Path, options: tuple[str, ...]
) -> None:
    tree = {f"outer/d{n % 3}/f{n} é": content(n * 5_000) for n in range(20)}
    for name, data in tree.items():
        (server.share / name).parent.mkdir(parents=True, exist_ok=True)
        (server.share / name).write_bytes(data)
    smbget("", "--recursive", *options)
    assert files_in(local) == tree


def test_a_copy_is_resumed(smbget: Smbget, server: ServerProcess, local: Path) -> None:
    whole = content(1_500_000)
    (server.share / "whole").write_bytes(whole)
    (local / "whole").write_bytes(whole[:700_000])
    smbget("/whole", "--resume")
    assert (local / "whole").read_bytes() == whole


def test_only_what_is_newer_is_fetched(smbget: Smbget, server: ServerProcess, local: Path) -> None:
    for folder, data in ((server.share, b"remote"), (local, b"local")):
        (folder / "a").write_bytes(data)
    os.utime(local / "a", (2_000_000_000, 2_000_000_000))
    smbget("/a", "--update")
    assert (local / "a").read_bytes() == b"local"
    os.utime(local / "a", (1_000_000_000, 1_000_000_000))
    smbget("/a", "--update")
    assert (local / "a").read_bytes() == b"remote"
