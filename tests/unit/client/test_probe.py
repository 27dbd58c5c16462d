"""What a probe comes to."""

import pytest

from smbquic.client.probe import failure
from smbquic.client.probe_results import ProbeOutcome, ProbeResult, ProbeStep

FIRST, SECOND, *_, LAST = ProbeStep
OK, FAILED = ProbeOutcome.OK, ProbeOutcome.FAILED


@pytest.mark.parametrize(
    ("results", "failed"),
    [
        ([(FIRST, OK), (LAST, OK)], None),
        # It failed over one family, and succeeded over the other.
        ([(FIRST, OK), (SECOND, FAILED), (SECOND, OK), (LAST, OK)], None),
        ([(FIRST, OK), (SECOND, FAILED)], 1),
        ([(FIRST, FAILED)], 0),
        ([(FIRST, OK), (LAST, FAILED), (SECOND, FAILED)], 1),
        ([(FIRST, OK), (SECOND, FAILED), (LAST, FAILED)], 2),
    ],
)
def test_the_failure_that_counts(
    results: list[tuple[ProbeStep, ProbeOutcome]], failed: int | None
) -> None:
    made = [ProbeResult(step, outcome, "text") for step, outcome in results]

    assert failure(made) is (None if failed is None else made[failed])
