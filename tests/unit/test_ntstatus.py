import copy
import importlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.ntstatus import NtStatus


@pytest.mark.parametrize(
    ("status", "value"),
    [
        (NtStatus.SUCCESS, 0x00000000),
        (NtStatus.PENDING, 0x00000103),
        (NtStatus.BUFFER_OVERFLOW, 0x80000005),
        (NtStatus.STOPPED_ON_SYMLINK, 0x8000002D),
        (NtStatus.OBJECT_NAME_NOT_FOUND, 0xC0000034),
        (NtStatus.SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP, 0xC05D0000),
    ],
)
def test_values_of_the_specification(status: NtStatus, value: int) -> None:
    assert status == value
    assert NtStatus.of(value) is status


def test_impacket_knows_the_same_numbers() -> None:
    nt_errors: Any = importlib.import_module("impacket.nt_errors")
    named = [status for status in NtStatus if hasattr(nt_errors, status.label)]
    assert len(named) > 150
    assert [status for status in named if getattr(nt_errors, status.label) != status] == []


def test_no_number_has_two_names() -> None:
    assert len({int(status) for status in NtStatus}) == len(NtStatus.__members__)


@pytest.mark.parametrize("status", NtStatus)
def test_meaning_is_a_short_sentence(status: NtStatus) -> None:
    assert 3 < len(status.meaning) < 80
    assert "STATUS" not in status.meaning


def test_label() -> None:
    assert NtStatus.ACCESS_DENIED.label == "STATUS_ACCESS_DENIED"


def test_severity() -> None:
    assert NtStatus.ACCESS_DENIED.is_error
    assert not NtStatus.ACCESS_DENIED.is_warning
    assert NtStatus.NO_MORE_FILES.is_warning
    assert not NtStatus.NO_MORE_FILES.is_error
    assert not NtStatus.PENDING.is_error
    assert not NtStatus.PENDING.is_warning


def test_unknown_value() -> None:
    status = NtStatus.of(0xC0001234)
    assert isinstance(status, NtStatus)
    assert status == 0xC0001234
    assert status.label == "0xC0001234"
    assert status.name == "0xC0001234"
    assert status.is_error
    assert status.meaning
    assert hash(status) == hash(0xC0001234)
    assert copy.copy(status) == status


def test_unknown_values_are_not_remembered() -> None:
    before = len(NtStatus._value2member_map_)
    for value in range(0xC0100000, 0xC0100100):
        NtStatus.of(value)
    assert len(NtStatus._value2member_map_) == before


@given(st.integers(0, 0xFFFFFFFF))
def test_every_value_has_a_status(value: int) -> None:
    status = NtStatus.of(value)
    assert status == value
    assert str(value) == str(int(status))
    assert status.is_error == (value >= 0xC0000000)
    assert status.is_warning == (0x80000000 <= value < 0xC0000000)
    assert status.label
