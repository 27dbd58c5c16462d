"""Which measurements can be made on a machine."""

import os

import pytest

from benchmarks.arms.gateway import SmbdArm
from benchmarks.arms.samba import SambaArm
from benchmarks.throughput.measurements import all_measurements


@pytest.mark.parametrize(("user", "lacking"), [(0, False), (1000, True)])
def test_what_starts_smbd_takes_root(
    user: int, lacking: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with_smbd = [each for each in all_measurements() if isinstance(each.arm, SmbdArm | SambaArm)]
    assert {type(each.arm) for each in with_smbd} == {SmbdArm, SambaArm}
    for each in with_smbd:
        assert ("smbd serves only as root" in each.missing()) is lacking
