"""An attack in small: `python -m tests.flood` has all of them, in earnest."""

import json
from dataclasses import asdict

from tests.flood.__main__ import lines
from tests.flood.run import Plan, run


def test_what_is_sent_arrives_and_is_told_of() -> None:
    outcome = run(Plan("passwords", seconds=1.5, quiet=0.2, rate=100, count=50, settle=0.1))

    assert sum(outcome.sent.values()) > 0
    # Kernels count a little behind, so that what was resident once may be more than the most.
    assert 0 < outcome.memory[0] * 0.9 < outcome.memory[1] < outcome.memory[2]
    assert outcome.errors == []
    assert any(line.startswith("  memory:") for line in lines(outcome))
    assert json.loads(json.dumps(asdict(outcome)))["plan"]["attack"] == "passwords"
