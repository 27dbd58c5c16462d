import pytest

from smbquic.client import stages
from smbquic.client.stages import Stages


def test_each_stage_takes_what_passed_since_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([10.5, 10.75, 12.75])
    monkeypatch.setattr(stages, "monotonic", lambda: next(times))
    found = Stages(begun=10.0)
    assert found.seconds() == {}
    found.end("transport")
    found.end("negotiate")
    found.end("session")
    assert found.seconds() == {"transport": 0.5, "negotiate": 0.25, "session": 2.0}
    assert list(found.over) == ["transport", "negotiate", "session"]
