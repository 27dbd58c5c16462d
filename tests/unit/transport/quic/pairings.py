"""The pairings of QUIC engines that tests of the `Engine` contract run with."""

from tests.engines import MISSING

ENGINES = ["aioquic", "qh3", "native"]
PAIRINGS = [
    client if client == server else f"{client}-{server}" for client in ENGINES for server in ENGINES
]
CERTIFYING = [pair for pair in PAIRINGS if not pair.endswith("qh3")]
"""Pairings whose server can ask for a certificate."""
INSTALLED_PAIRINGS = [pair for pair in PAIRINGS if MISSING.isdisjoint(pair.split("-"))]
"""Pairings whose libraries are installed."""
LIBRARY_IN_PYTHON = [pair for pair in PAIRINGS if not pair.startswith("native")]
"""Pairings whose client is a library with methods for what no engine has to offer."""
