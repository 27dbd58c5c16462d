import pytest

from benchmarks.names import is_chosen


@pytest.mark.parametrize(
    ("name", "patterns", "chosen"),
    [
        ("quic-qh3", "quic-qh3", True),
        ("quic-qh3", "quic", False),
        ("quic-qh3", "tcp,quic-*", True),
        ("quic-qh3", "*-aioquic,tcp", False),
        ("quic-qh3", "Quic-*", False),
        ("tcp", "quic-?h3,t[a-c]p", True),
    ],
)
def test_one_pattern_must_match(name: str, patterns: str, chosen: bool) -> None:
    assert is_chosen(name, patterns) is chosen
