from types import SimpleNamespace
from typing import Any

from benchmarks.comparison.clock import ClockError
from benchmarks.comparison.results import is_valid
from benchmarks.comparison.runner import do, retransmitted
from benchmarks.comparison.works import Work
from benchmarks.link import Link
from benchmarks.programs import Figures, Perform
from benchmarks.workspace import Workspace

SNMP = """\
Ip: Forwarding DefaultTTL
Ip: 2 64
Tcp: RtoAlgorithm OutSegs RetransSegs InErrs
Tcp: 1 1200 17 0
Udp: InDatagrams NoPorts
Udp: 5 0
"""


def test_the_kernel_says_what_tcp_sent_again() -> None:
    assert retransmitted(SNMP) == 17


def test_a_work_during_which_the_clock_was_set_is_invalid() -> None:
    class Timed(Work):
        name = "timed"
        metrics = ()

        def request(self, workspace: Workspace, seed: int) -> dict[str, Any]:
            return {}

        def run(self, perform: Perform, workspace: Workspace, link: Link, seed: int) -> Figures:
            raise ClockError("the clock was set")

    link: Any = SimpleNamespace(statistics=lambda: None)
    running: Any = SimpleNamespace(cpu_seconds=dict)
    unused: Any = None
    outcome = do(Timed(), unused, running, unused, link, 1, unused)
    assert outcome == {"figures": {}, "problems": ["timed: the clock was set"]}
    assert not is_valid({"problems": [], "works": {"timed": outcome}})
