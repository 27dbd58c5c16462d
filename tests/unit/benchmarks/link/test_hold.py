from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.link import LinkUnavailable
from benchmarks.link.hold import hold


def test_the_script_runs_first_and_the_process_stays_until_the_end(tmp_path: Path) -> None:
    file = tmp_path / "made"
    with ExitStack() as stack:
        holder = hold(stack, ["env"], script='touch "$1"', arguments=[str(file)])
        assert file.exists()
        assert holder.poll() is None
    assert holder.poll() == 0


def test_a_script_that_fails_shows_what_it_printed() -> None:
    with ExitStack() as stack, pytest.raises(LinkUnavailable, match=r"`env` fails \(no room\)"):
        hold(stack, ["env"], script="echo no room >&2; false")


def test_a_program_that_is_missing_is_named() -> None:
    with (
        ExitStack() as stack,
        pytest.raises(LinkUnavailable, match="/nonexistent is not installed"),
    ):
        hold(stack, ["/nonexistent"])
