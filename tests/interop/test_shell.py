"""One script for `smbclient -c` and for `smbquic shell -c`, on Debian's smbd: the same files."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.program import environment
from tests.interop.processes import PASSWORD, Smbclient, Smbd, empty, needs_smbd

pytestmark = [*needs_smbd, pytest.mark.debian("smbclient")]

# Left out: without a local name, smbclient makes a file of the whole path; and its mput copies all
# files, whatever `mask` says.
Files = dict[str, bytes | None]
"""The contents of files by their paths; None for a folder."""

SCRIPTS = {
    "single files": 'get in/a.txt a; get "in\\b c.txt" "b c"; put one; cd in; put two in.two'
    "; mkdir sub; cd sub; put one; rename one moved; cd ..; del a*; rmdir none; md x; rd x",
    "whole folders": "recurse; prompt; mget in; mget tree; cd tree; mput local",
    "masks": "recurse; prompt; mask *.txt; mget tree; lowercase; mget in/*.DAT",
    "no folders": "prompt; mget *; cd in; mget *.txt *.dat; lcd local; mput *.txt",
    "deletions": "cd in; del *.txt; cd \\; deltree tree; deltree in/deep",
    "copies": "scopy in/a.txt copied; hardlink in/a.txt linked; setmode in/a.txt +h-a"
    "; utimes copied -1 -1 2001:02:03-04:05:06 -1",
    "other words": 'lcd local; pwd; get "\\in\\a.txt" b; cd tree/../in/; get a.txt "x y"'
    "; dir; l; q; put one",
}


def fill(folder: Path, paths: tuple[str, ...]) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(path.encode())


def found(folder: Path) -> Files:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def prepare(smbd: Smbd, local: Path) -> None:
    """Make the files on both sides that every script begins with."""
    empty(smbd.share)
    fill(smbd.share, ("top.txt", "in/a.txt", "in/b c.txt", "in/C.DAT", "in/deep/d.txt"))
    fill(smbd.share, ("tree/1.txt", "tree/2.dat", "tree/below/3.txt", "tree/below/4.dat"))
    for path in [smbd.share, *smbd.share.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    local.mkdir()
    fill(
        local, ("one", "two", "local/5.txt", "local/6.dat", "local/more/7.txt", "local/more/8.dat")
    )


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_the_same_files(smbd: Smbd, tmp_path: Path, script: str) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    prepare(smbd, theirs)
    Smbclient(smbd.port, theirs)(script, user=smbd.user)
    expected = found(theirs), found(smbd.share)
    prepare(smbd, ours)
    # Where a command of the script fails, smbclient goes on.
    allowed = "; ".join(f"-{command.strip()}" for command in script.split(";"))
    url = smbd.url()
    subprocess.run(
        [sys.executable, "-m", "smbquic", "shell", url, "-c", allowed],
        cwd=ours,
        env=environment(SMBQUIC_PASSWORD=PASSWORD),
        stdin=subprocess.DEVNULL,
        check=True,
    )
    assert (found(ours), found(smbd.share)) == expected
