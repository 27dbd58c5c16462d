"""How a soak goes."""

import json

from benchmarks.soak.plan import ClientOptions, SoakPlan


def plan(**changes: object) -> SoakPlan:
    given: dict[str, object] = {"seconds": 60.0, "rate": 100.0, "seed": 1, "interval": 10.0}
    return SoakPlan(**{**given, **changes})  # type: ignore[arg-type]


def test_the_rate_is_that_of_all_processes_together() -> None:
    assert plan().rate_of_process == 20.0
    assert plan(killed=()).rate_of_process == 25.0
    assert plan(transports=("tcp",), killed=()).rate_of_process == 100.0


def test_durable_opens_are_waited_for() -> None:
    assert plan(durable_seconds=100.0).settling == plan(durable_seconds=0.0).settling + 100.0


def test_options_of_a_process() -> None:
    options = ClientOptions(
        name="tcp-1", url="smb://x", engine="auto", ca="ca.pem", password="secret",
        sessions=2, rate=3.0, interval=4.0, seed="1/tcp-1",
    )  # fmt: skip
    assert ClientOptions(**json.loads(options.to_json())) == options
