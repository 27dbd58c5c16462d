from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.wire.fscc.pipe_information import (
    PipeConfiguration,
    PipeInformation,
    PipeLocalInformation,
    PipeMode,
    PipeRemoteInformation,
    PipeState,
)
from tests.unit.wire.structures import Field, SizedStructure, Structure

STRUCTURES: list[tuple[SizedStructure, Sequence[Field]]] = [
    (PipeInformation(PipeMode.MESSAGE, 0), [(4, 1), (4, 0)]),
    (
        PipeLocalInformation(
            PipeMode.MESSAGE,
            PipeConfiguration.FULL_DUPLEX,
            0xFFFFFFFF,
            2,
            4096,
            100,
            4096,
            3996,
            PipeState.CONNECTED_STATE,
            0,
        ),
        [
            *((4, 1), (4, 2), (4, 0xFFFFFFFF), (4, 2), (4, 4096)),
            *((4, 100), (4, 4096), (4, 3996), (4, 3), (4, 0)),
        ],
    ),
    (PipeRemoteInformation(500_000, 16), [(8, 500_000), (4, 16)]),
]
IDS = [type(structure).__name__ for structure, _ in STRUCTURES]


@pytest.mark.parametrize(("structure", "fields"), STRUCTURES, ids=IDS)
def test_layout(
    structure: SizedStructure, fields: Sequence[Field], lay: Callable[..., bytes]
) -> None:
    wire = lay(*fields)
    assert structure.encode() == wire
    assert type(structure).decode(wire) == structure
    assert len(wire) == structure.SIZE


@pytest.mark.parametrize("structure", [structure for structure, _ in STRUCTURES], ids=IDS)
@given(data=st.data())
def test_any_bytes(structure: Structure, data: st.DataObject, fuzz: Callable[..., None]) -> None:
    cls = type(structure)
    fuzz(data, cls.decode, cls.encode, structure.encode())
