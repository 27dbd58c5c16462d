"""The pairings of QUIC engines that tests of the `Engine` contract run with."""

from tests.engines import MISSING

PAIRINGS = ["aioquic", "qh3", "aioquic-qh3", "qh3-aioquic"]
CERTIFYING = ["aioquic", "qh3-aioquic"]
ENGINES = ["aioquic", "qh3"]
INSTALLED_PAIRINGS = [pair for pair in PAIRINGS if MISSING.isdisjoint(pair.split("-"))]
