import importlib

import pytest

import smbquic


@pytest.mark.parametrize("name", smbquic.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(smbquic, name) is not None


def test_sync_is_the_module() -> None:
    assert smbquic.sync is importlib.import_module("smbquic.sync")


def test_nothing_else_is() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        smbquic.nonsense  # noqa: B018
