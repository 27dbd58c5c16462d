import importlib
import importlib.metadata

import pytest

import smbquic


@pytest.mark.parametrize("name", smbquic.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(smbquic, name) is not None


@pytest.mark.parametrize("name", ["pki", "sync"])
def test_some_are_modules(name: str) -> None:
    assert getattr(smbquic, name) is importlib.import_module(f"smbquic.{name}")


def test_nothing_else_is() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        smbquic.nonsense  # noqa: B018


def test_the_version_is_that_of_the_package() -> None:
    assert smbquic.__version__ == importlib.metadata.version("smbquic")
