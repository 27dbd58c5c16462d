"""Dataclasses made here are those of the standard library, but for when they are compiled."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from typing import Any, ClassVar

import pytest

from smbquic.lazy_dataclass import UNCOMPILED, compile_init, dataclass


def declare(decorator: Any, **options: Any) -> Any:
    """Declare a class with every kind of field, in the way that the decorator makes it."""

    @decorator(**options)
    class Example:
        """An example."""

        kind: ClassVar = "kind"
        number: int
        text: str = "text"
        items: list[int] = field(default_factory=list)
        secret: bytes = field(default=b"", repr=False)
        note: str = field(default="", compare=False)
        last: int = field(default=1, kw_only=True)
        made: list[int] = field(default_factory=list, init=False)
        fixed: int = field(default=7, init=False)

        def doubled(self) -> int:
            return 2 * self.number

    return Example


OPTIONS: list[dict[str, bool]] = [
    {},
    {"slots": True},
    {"frozen": True},
    {"frozen": True, "slots": True},
    {"kw_only": True},
    {"eq": False, "slots": True},
    {"frozen": True, "kw_only": True},
]
every_kind = pytest.mark.parametrize("options", OPTIONS, ids=str)


@pytest.fixture(params=["compiled", "uncompiled"])
def pair(request: pytest.FixtureRequest, options: dict[str, bool]) -> tuple[Any, Any]:
    ours = declare(dataclass, **options)
    if request.param == "compiled":
        assert compile_init(ours)
    return ours, declare(dataclasses.dataclass, **options)


@every_kind
def test_the_signature_is_that_of_the_standard_library(pair: tuple[Any, Any]) -> None:
    ours, theirs = (str(inspect.signature(each)) for each in pair)
    assert ours == theirs
    assert "<factory>" in ours


@every_kind
def test_objects_have_the_same_values(pair: tuple[Any, Any]) -> None:
    for given in ({"number": 1}, {"number": 2, "text": "x", "items": [1], "note": "n", "last": 3}):
        ours, theirs = (each(**given) for each in pair)
        assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
        assert repr(ours) == repr(theirs)
        assert ours.doubled() == theirs.doubled()
        assert ours.kind == "kind"
        assert hasattr(ours, "__dict__") == hasattr(theirs, "__dict__")


@every_kind
def test_each_object_has_a_list_of_its_own(pair: tuple[Any, Any]) -> None:
    ours, _ = pair
    assert ours(number=1).items is not ours(number=1).items
    assert ours(number=1).made is not ours(number=1).made


@every_kind
def test_wrong_arguments_are_refused_in_the_same_words(pair: tuple[Any, Any]) -> None:
    wrong: tuple[tuple[tuple[object, ...], dict[str, object]], ...] = (
        ((), {}),
        ((), {"number": 1, "unknown": 2}),
        ((), {"number": 1, "made": []}),
        ((1,), {"number": 2}),
        ((1, "text", [], b"", "note", 1), {}),
    )
    for arguments, named in wrong:
        messages = []
        for each in pair:
            with pytest.raises(TypeError) as caught:
                each(*arguments, **named)
            messages.append(str(caught.value))
        assert messages[0] == messages[1]


def test_arguments_without_names_are_those_of_the_first_fields() -> None:
    @dataclass(slots=True)
    class Example:
        last: int = field(kw_only=True)
        first: int
        second: int = 2

    expected = Example(1, last=3)
    assert (expected.first, expected.second, expected.last) == (1, 2, 3)
    for arguments, named in (((1, 2), {"last": 3}), ((1,), {"second": 2, "last": 3})):
        assert Example(*arguments, **named) == expected


def test_what_a_class_does_afterwards_is_done_for_each_object() -> None:
    @dataclass
    class Example:
        number: int
        doubled: int = field(init=False)

        def __post_init__(self) -> None:
            self.doubled = 2 * self.number

    class Negative(Example):
        def __post_init__(self) -> None:
            self.doubled = -2 * self.number

    for number in range(2 * UNCOMPILED):
        assert Example(number).doubled == 2 * number
        assert Negative(number).doubled == -2 * number


@every_kind
def test_compares_as_the_standard_library_does(pair: tuple[Any, Any]) -> None:
    def outcomes(cls: Any) -> list[object]:
        first = cls(number=1, note="a")
        return [
            first == cls(number=1, note="b"),
            first == cls(number=2),
            first == cls(number=1, secret=b"x"),
            first == first,
            first == 1,
            cls.__hash__ is None,
        ]

    ours, theirs = map(outcomes, pair)
    assert ours == theirs


@every_kind
def test_replace_and_copies(pair: tuple[Any, Any]) -> None:
    ours, _ = pair
    one = ours(number=1, items=[1])
    assert dataclasses.replace(one, number=2).number == 2
    for copied in (copy.copy(one), copy.deepcopy(one)):
        assert dataclasses.asdict(copied) == dataclasses.asdict(one)


@pytest.mark.parametrize("slots", [False, True])
def test_frozen_objects_do_not_change(slots: bool) -> None:
    example = declare(dataclass, frozen=True, slots=slots)(1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'number'"):
        example.number = 2
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'number'"):
        del example.number
    assert example.number == 1


def test_a_derived_class_may_have_attributes_of_its_own() -> None:
    class Derived(declare(dataclass, frozen=True)):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(1)
            self.own = 2

    derived = Derived()
    assert (derived.number, derived.own) == (1, 2)
    del derived.own
    assert not hasattr(derived, "own")
    with pytest.raises(FrozenInstanceError):
        derived.number = 2
    with pytest.raises(FrozenInstanceError):
        del derived.number


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0


@dataclass(frozen=True, slots=True)
class Place(Point):
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("no name")


def test_frozen_objects_are_hashed_by_their_values() -> None:
    assert {Point(1), Point(1, 0), Point(2)} == {Point(1), Point(2)}
    assert hash(Point(1)) == hash(Point(1))


def test_pickles() -> None:
    assert pickle.loads(pickle.dumps(Place(1, 2, "here"))) == Place(1, 2, "here")


def test_a_class_may_be_derived_from_another() -> None:
    assert str(inspect.signature(Place)) == "(x: int, y: int = 0, name: str = '') -> None"
    assert Place(1, name="here") != Point(1)
    with pytest.raises(ValueError, match="no name"):
        Place(1)


def test_objects_match_by_position() -> None:
    match Place(1, 2, "here"):
        case Place(x, y, name):
            assert (x, y, name) == (1, 2, "here")


def test_methods_of_the_class_stay() -> None:
    @dataclass(frozen=True)
    class Own:
        number: int

        def __init__(self, text: str) -> None:
            object.__setattr__(self, "number", int(text))

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own)

    assert (repr(Own("1")), Own("1").number) == ("own", 1)
    assert Own("1") == Own("2")
    assert hash(Own("1")) == hash(Own("1"))


def test_a_hash_of_the_class_stays() -> None:
    @dataclass
    class Own:
        number: int

        def __hash__(self) -> int:
            return 5

    assert hash(Own(1)) == 5


def test_without_fields() -> None:
    @dataclass(slots=True)
    class Nothing:
        pass

    assert Nothing() == Nothing()
    assert repr(Nothing()).endswith("Nothing()")


def test_a_circle_is_represented() -> None:
    @dataclass
    class Node:
        next: Any = None

    node = Node()
    node.next = node
    assert repr(node).endswith("Node(next=...)")


def test_nothing_is_compiled_for_a_class_that_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[object] = []
    original: Callable[..., Any] = vars(inspect.getmodule(dataclass))["_compile_init"]

    def count(made: type[Any], **options: Any) -> Any:
        compiled.append(made)
        return original(made, **options)

    monkeypatch.setattr("smbquic.lazy_dataclass._compile_init", count)

    @dataclass(frozen=True, slots=True)
    class Used:
        number: int

    first = [Used(number) for number in range(UNCOMPILED)]
    assert not compiled
    assert [Used(number) for number in range(UNCOMPILED)] == first
    assert compiled == [Used]


def test_what_objects_would_compile_is_compiled_before() -> None:
    example = declare(dataclass)
    assert compile_init(example)
    assert not compile_init(example)
    assert example(3).doubled() == 6


def test_a_method_that_is_written_is_not_compiled() -> None:
    @dataclass
    class Example:
        number: int

        def __init__(self) -> None:
            self.number = 5

    assert not compile_init(Example)
    assert Example().number == 5
