"""Fixtures for the tests of single modules."""

import pytest

from tests.unit.clock import Clock


@pytest.fixture
def clock() -> Clock:
    """Tells the time, which is what the test makes it."""
    return Clock()
