"""The properties of a single change."""

from smbquic.storage.watch import Change, ChangeKind


def test_what_is_lost_has_no_name() -> None:
    lost = Change(ChangeKind.LOST)

    assert (lost.name, lost.is_directory, lost.old_name) == ("", False, "")
