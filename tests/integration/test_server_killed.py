"""A server killed in the middle of writes has kept what it said was on the disk, and no more."""

from pathlib import Path

from smbquic.pki import PkiDirectory
from tests.integration.killing import kill_many


def test_what_was_acknowledged_is_there(tmp_path: Path, pki: PkiDirectory) -> None:
    tally = kill_many(tmp_path, pki, kills=2, seed=1)

    assert tally.wrong == []
    assert tally.files
    assert tally.records
