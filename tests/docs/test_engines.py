"""The page about QUIC engines says of each what its plug-in says."""

from collections.abc import Callable

from smbquic.transport.quic.plugin import EngineCapabilities
from smbquic.transport.quic.registry import ENGINES
from tests.docs.pages import read

PAGE = "docs/explanation/quic-engines.md"
ROWS: dict[str, Callable[[EngineCapabilities], bool]] = {
    "client certificates": lambda found: found.client_certificates,
    "a server certificate chosen by": lambda found: found.certificate_by_name,
    "a client that uses a zero-length": lambda found: found.zero_length_ids,
    "a client that begins with QUIC version 2": lambda found: found.version_2,
    "qlog traces": lambda found: found.qlog,
    "a server that accepts any": lambda found: found.any_group,
    "X25519MLKEM768": lambda found: "X25519MLKEM768" in found.groups,
}
"""How a row of the table begins, and what it is about."""


def test_the_table_has_what_each_engine_can_do() -> None:
    lines = [line for line in read(PAGE).splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    engines = [name.strip("`") for name in rows[0][1:]]
    assert sorted(engines) == sorted(plugin.name for plugin in ENGINES)
    for plugin in ENGINES:
        column = engines.index(plugin.name) + 1
        for begins, able in ROWS.items():
            [row] = [row for row in rows if row[0].startswith(begins)]
            says_yes = not row[column].startswith(("no", "the first"))
            assert says_yes == able(plugin.capabilities), (plugin.name, row[0])
