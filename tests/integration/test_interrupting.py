"""Transfers survive what interrupts them; `tests.integration.interrupting` is the long form."""

from pathlib import Path

from smbquic.pki import PkiDirectory
from tests.integration.interrupting import KINDS, TRANSPORTS, interrupt_many


async def test_every_kind_of_interruption(tmp_path: Path, pki: PkiDirectory) -> None:
    points = len(KINDS) * len(TRANSPORTS)
    results = await interrupt_many(tmp_path, pki, points, 40 << 20, seed=1, silence=0.5)
    assert [str(result) for result in results if result.wrong] == []
    assert {(each.plan.kind, each.plan.transport) for each in results} == {
        (kind, transport) for kind in KINDS for transport in TRANSPORTS
    }
