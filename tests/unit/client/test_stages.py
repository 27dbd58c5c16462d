import pytest

from smbquic.client import stages
from smbquic.client.stages import Stages


def test_each_stage_takes_what_passed_since_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([3.5, 10.5, 10.75])
    monkeypatch.setattr(stages, "monotonic", lambda: next(times))
    found = Stages(begun=1.0)
    assert found.seconds() == {}
    found.end("transport")
    found.end("negotiate")
    found.end("session")
    assert found.seconds() == {"transport": 2.5, "negotiate": 7.0, "session": 0.25}
    assert list(found.over) == ["transport", "negotiate", "session"]
