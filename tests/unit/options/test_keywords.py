"""Functions that take options as keywords."""

import inspect
from dataclasses import KW_ONLY, dataclass
from typing import Annotated

import pytest

from smbquic.options.keywords import keywords
from smbquic.options.model import Option, Options


@dataclass(frozen=True)
class Some(Options):
    """Some options."""

    first: Annotated[int, Option("The first one.")] = 1
    _: KW_ONLY
    second: Annotated[int, Option("The second one.")] = 2


@keywords(Some)
def one(given: str, options: Some) -> tuple[str, Some]:
    """Docs."""
    return given, options


@keywords(Some)
def two(given: str, other: str, options: Some) -> tuple[str, Some]:
    return given + other, options


def test_the_keywords_become_the_object() -> None:
    assert one("a") == ("a", Some())
    assert one("a", 5, second=6) == ("a", Some(5, second=6))
    assert two("a", "b", first=7) == ("ab", Some(7))


def test_the_signature_is_that_of_the_options() -> None:
    assert str(inspect.signature(one)) == (
        f"(given: str, first: int = 1, *, second: int = 2) -> tuple[str, {Some.__module__}.Some]"
    )
    assert one.__doc__ == "Docs."


def test_what_is_no_option_is_refused() -> None:
    with pytest.raises(TypeError, match="third"):
        one("a", third=3)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="second: 'x' has the wrong type"):
        one("a", second="x")  # type: ignore[arg-type]
