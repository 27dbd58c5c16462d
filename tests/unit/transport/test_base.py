"""What every transport reports of its path."""

from smbquic.transport.base import EcnCounts, PathStatistics


def test_what_people_are_shown_of_a_path() -> None:
    path = PathStatistics(
        0.0123456, 1472, 3, ecn_received=EcnCounts(9, 0, 1), ecn_reported=EcnCounts(8, 0, 2)
    )
    assert path.figures() == {
        "round_trip_ms": 12.346,
        "lost_packets": 3,
        "ecn_received": {"ect0": 9, "ect1": 0, "ce": 1},
        "ecn_reported": {"ect0": 8, "ect1": 0, "ce": 2},
    }


def test_what_is_not_known_is_none() -> None:
    assert set(PathStatistics().figures().values()) == {None}
