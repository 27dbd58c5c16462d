"""What a probe says of the versions of QUIC that a server speaks."""

import pytest

from smbquic.client.probe_path import _version_result
from smbquic.client.probe_results import ProbeFailed, ProbeOutcome


@pytest.mark.parametrize(
    ("versions", "words"),
    [([1], "1"), ([0x6B3343CF, 0x1A2A3A4A, 1], "1 and 2"), ([0x6B3343CF], "2")],
)
def test_versions_that_are_spoken_here(versions: list[int], words: str) -> None:
    result = _version_result(versions)

    assert (result.outcome, result.text) == (ProbeOutcome.OK, f"QUIC version {words}")


def test_versions_that_are_not() -> None:
    with pytest.raises(ProbeFailed) as raised:
        _version_result(list(range(0x10, 0x20)))

    text = raised.value.result.text
    assert "0x00000010, 0x00000011" in text
    assert "0x00000017" in text
    assert "0x00000018" not in text
