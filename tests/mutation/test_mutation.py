"""How a sample is divided, and which tests come first."""

from pathlib import Path

import pytest

from tests.mutation.trial import BEYOND, PROJECT, ROOMS, TimeLimits, shares, stages


@pytest.mark.parametrize(
    ("count", "sizes", "expected"),
    [
        (10, {"a": 1, "b": 1}, {"a": 5, "b": 5}),
        (10, {"a": 2, "b": 1}, {"a": 7, "b": 3}),
        (1, {"a": 1, "b": 3}, {"a": 0, "b": 1}),
        (7, {"a": 1, "b": 1, "c": 1}, {"a": 3, "b": 2, "c": 2}),
        (0, {"a": 1}, {"a": 0}),
    ],
)
def test_a_sample_is_divided_by_size(
    count: int, sizes: dict[str, int], expected: dict[str, int]
) -> None:
    assert shares(count, sizes) == expected


def test_the_nearest_tests_come_first() -> None:
    assert stages("smbquic/storage/local/sweep.py")[0] == (
        "tests/unit/storage/local/test_sweep.py",
    )
    nearest, room, beyond = stages("smbquic/server/handlers/create.py")
    assert nearest == ("tests/unit/server/handlers/test_create.py",)
    assert room == ("tests/unit/server",)
    assert "tests/integration/test_durable.py" in beyond
    assert (
        "tests/unit/storage/local/test_stream.py" in stages("smbquic/storage/local/streams.py")[0]
    )
    assert stages("smbquic/server/handlers/fsctl/server_side_copy.py")[0] == (
        "tests/unit/server/handlers/test_ioctl.py",
    )
    assert "tests/interop/test_fsspec.py" in stages("smbquic/client/fsspec/buffered_file.py")[0]
    assert stages("smbquic/storage/policy.py")[0] == ("tests/unit/storage",)


@pytest.mark.parametrize("room", ROOMS)
def test_all_tests_that_are_named_exist(room: str) -> None:
    for pattern in (f"smbquic/{room}/*.py", f"tests/unit/{room}/test_*.py", *BEYOND[room]):
        assert list(Path(PROJECT).glob(pattern)), pattern


def test_tests_count_as_hanging_after_ten_times_as_long_and_two_minutes_at_least() -> None:
    limits, measured = TimeLimits(), []

    def limit_of(tests: str, seconds: float) -> float:
        def measure() -> float:
            measured.append(tests)
            return seconds

        return limits.limit_of((tests,), measure)

    assert limit_of("quick", 3) == limit_of("quick", 1000) == 120
    assert limit_of("slow", 30) == 300
    assert measured == ["quick", "slow"]


def test_one_limit_for_all_tests_needs_no_measurement() -> None:
    def measure() -> float:
        raise AssertionError

    assert TimeLimits(5.0).limit_of(("tests",), measure) == 5
