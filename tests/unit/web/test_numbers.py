"""Limits on the clients of the web listener, written down a second time."""

import pytest

from tests.unit.numbers import numbers_of

NUMBERS = {
    "MAX_CONNECTIONS": [64],
    "CLIENT_TIMEOUT": [10.0],
    "MAX_HEADER": [16 << 10],
    "MAX_BODY": [64 << 10],
    "REQUEST_RATE": [50.0],
    "REQUEST_BURST": [50],
    "END_TIMEOUT": [1.0],
    "KEPT": [1.0],
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_what_it_was(name: str) -> None:
    assert numbers_of("smbquic.web", ("smbquic.web.page",))[name] == NUMBERS[name]
