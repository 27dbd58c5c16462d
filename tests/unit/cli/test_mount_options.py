"""Options of mount(8) and fstab(5)."""

import pytest

from smbquic.cli.mount_options import expanded

KNOWN = {"--read-only", "--uid", "--password-file", "--ca"}


@pytest.mark.parametrize(
    ("arguments", "expected", "kernel"),
    [
        (["url", "/mnt"], ["url", "/mnt"], ()),
        (["-o", "ro,uid=5", "url"], ["--read-only", "--uid=5", "url"], ()),
        (["-ouid=5"], ["--uid=5"], ()),
        (["-o", "password_file=/a=b,ca=/c"], ["--password-file=/a=b", "--ca=/c"], ()),
        (["-o", "rw,_netdev,nofail,x-systemd.automount,comment=x,,dev"], [], ()),
        (["-o", "noexec,ro", "-o", "noatime"], ["--read-only"], ("noexec", "noatime")),
        (["--uid", "5", "--", "-o", "x"], ["--uid", "5", "--", "-o", "x"], ()),
        (["-o"], [], ()),
    ],
)
def test_options_become_those_of_the_command(
    arguments: list[str], expected: list[str], kernel: tuple[str, ...]
) -> None:
    assert expanded(arguments, KNOWN) == (expected, kernel)


@pytest.mark.parametrize("word", ["rubbish", "uids=5", "no-such"])
def test_options_that_nobody_knows(word: str) -> None:
    with pytest.raises(ValueError, match=word.partition("=")[0]):
        expanded(["-o", f"ro,{word}"], KNOWN)
