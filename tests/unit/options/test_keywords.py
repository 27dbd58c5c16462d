"""Functions that take options as keywords."""

import inspect
from dataclasses import KW_ONLY, dataclass
from typing import Annotated

import pytest

from smbquic.options.keywords import keywords
from smbquic.options.model import Option, Options


@dataclass(frozen=True)
class TwoOptions(Options):
    """Two options."""

    first: Annotated[int, Option("The first one.")] = 1
    _: KW_ONLY
    second: Annotated[int, Option("The second one.")] = 2


@keywords(TwoOptions)
def one(given: str, options: TwoOptions) -> tuple[str, TwoOptions]:
    """Docs."""
    return given, options


@keywords(TwoOptions)
def two(given: str, other: str, options: TwoOptions) -> tuple[str, TwoOptions]:
    return given + other, options


def test_the_keywords_become_the_object() -> None:
    assert one("a") == ("a", TwoOptions())
    assert one("a", 5, second=6) == ("a", TwoOptions(5, second=6))
    assert two("a", "b", first=7) == ("ab", TwoOptions(7))


def test_the_signature_is_that_of_the_options() -> None:
    assert str(inspect.signature(one)) == (
        "(given: str, first: int = 1, *, second: int = 2)"
        f" -> tuple[str, {TwoOptions.__module__}.TwoOptions]"
    )
    assert one.__doc__ == "Docs."


def test_what_is_no_option_is_refused() -> None:
    with pytest.raises(TypeError, match="third"):
        one("a", third=3)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="second: 'x' has the wrong type"):
        one("a", second="x")  # type: ignore[arg-type]
