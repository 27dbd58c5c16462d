"""Dataclasses that compile nothing until some objects have been made.

The decorator of the standard library compiles the source of up to six methods for each class. A
command of the client defines two hundred classes, and makes objects of a third, mostly few: that
was a quarter of the time that it takes to start. Compiling one `__init__` takes as long as making
twenty objects without it.
"""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import MISSING, FrozenInstanceError, field
from functools import cached_property, partial
from operator import attrgetter
from reprlib import recursive_repr
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")

UNCOMPILED = 16
"""Objects of a class that are made before its `__init__` is compiled."""


@overload
def dataclass(cls: type[T], /) -> type[T]: ...


@overload
def dataclass(
    *, eq: bool = True, frozen: bool = False, kw_only: bool = False, slots: bool = False
) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(field_specifiers=(field,))
def dataclass(
    cls: type[T] | None = None,
    /,
    *,
    eq: bool = True,
    frozen: bool = False,
    kw_only: bool = False,
    slots: bool = False,
) -> type[T] | Callable[[type[T]], type[T]]:
    """Make a dataclass, for which `fields`, `replace` and `asdict` work.

    The options are those of `dataclasses.dataclass`. What a frozen class is derived from has to be
    made here, too, and what is derived from it. ``InitVar`` is not supported.
    """

    def make(cls: type[T]) -> type[T]:
        # Where there is none, the standard library asks for the signature of `__init__`.
        cls.__doc__ = cls.__doc__ or cls.__name__
        made: Any = dataclasses.dataclass(  # noqa: TID251  (what this is in the place of)
            init=False, repr=False, eq=False, kw_only=kw_only, slots=slots
        )(cls)
        fields = dataclasses.fields(made)
        _add(made, "__init__", _Init(made, frozen=frozen))
        _add(made, "__repr__", _representation([each.name for each in fields if each.repr]))
        if eq:
            _add_comparison(made, [each.name for each in fields if each.compare], frozen=frozen)
        if frozen:
            made.__setattr__, made.__delattr__ = _refuse_assignment, _refuse_deletion
            if slots:
                made.__setstate__ = _restore
        return made  # type: ignore[no-any-return]

    return make if cls is None else make(cls)


def compile_init(cls: type[Any]) -> bool:
    """Compile the `__init__` now; return whether it was not compiled before."""
    was = vars(cls).get("__init__")
    if isinstance(was, _Init):
        was.__get__(None, cls)
        return True
    return False


def _add(made: type[Any], name: str, method: object) -> None:
    if name not in vars(made):
        setattr(made, name, method)


class _Init:
    """The `__init__` of a class until it is compiled.

    That is when it is looked up in the class, or for an object after the first ones.
    """

    def __init__(self, made: type[Any], *, frozen: bool) -> None:
        self._made = made
        self._frozen = frozen
        self._uncompiled = UNCOMPILED

    def __get__(self, instance: object | None, owner: type[Any]) -> Callable[..., None]:
        # `inspect` of Python 3.13 gives a class as the instance. Threads may count past zero.
        if isinstance(instance, self._made) and self._uncompiled > 0:
            self._uncompiled -= 1
            return partial(self._initialize, instance)
        return self._compiled().__get__(instance, owner)  # type: ignore[no-any-return]

    def _compiled(self) -> Any:
        init = self._made.__init__ = _compile_init(self._made, frozen=self._frozen)
        return init

    @cached_property
    def _parameters(self) -> "_Parameters":
        return _Parameters(dataclasses.fields(self._made))

    def _initialize(self, instance: Any, /, *arguments: object, **named: object) -> None:
        """Do what the compiled method would."""
        values = self._parameters.values(arguments, named)
        if values is None:
            # It says what is wrong.
            self._compiled()(instance, *arguments, **named)
            return
        assign = object.__setattr__ if self._frozen else setattr
        for name, value in values.items():
            assign(instance, name, value)
        if hasattr(self._made, "__post_init__"):
            instance.__post_init__()


class _Parameters:
    """The parameters of an `__init__` that is not compiled."""

    def __init__(self, fields: Iterable["dataclasses.Field[Any]"]) -> None:
        parameters = [each for each in fields if each.init]
        self._positional = [each.name for each in parameters if not each.kw_only]
        self._names = {each.name for each in parameters}
        self._defaults = {each.name: each.default for each in fields if each.default is not MISSING}
        self._factories = {
            each.name: each.default_factory
            for each in fields
            if each.default_factory is not MISSING
        }
        # A field that is no parameter, and has no default, is set later.
        self._count = len(self._names | self._defaults.keys() | self._factories.keys())

    def values(
        self, arguments: tuple[object, ...], named: dict[str, object]
    ) -> dict[str, object] | None:
        """Return the values of the fields by their names; None if the arguments are wrong."""
        given = dict(zip(self._positional, arguments, strict=False))
        if len(given) < len(arguments) or not named.keys() <= self._names - given.keys():
            return None
        values = self._defaults | given | named
        for name, make in self._factories.items():
            if name not in values:
                values[name] = make()
        return values if len(values) == self._count else None


class _Factory:
    """Stands for an argument that is made by a factory."""

    def __repr__(self) -> str:
        return "<factory>"


_FACTORY = _Factory()


def _compile_init(made: type[Any], *, frozen: bool) -> Any:
    names: dict[str, Any] = {"set_attribute": object.__setattr__, "FACTORY": _FACTORY}
    annotations: dict[str, Any] = {}
    positional, keywords, body = ["self"], ["*"], []
    for each in dataclasses.fields(made):
        name = value = each.name
        parameter = name
        if each.default is not MISSING:
            names[f"default_{name}"] = each.default
            parameter = f"{name}=default_{name}"
            value = name if each.init else f"default_{name}"
        elif each.default_factory is not MISSING:
            names[f"factory_{name}"] = each.default_factory
            parameter = f"{name}=FACTORY"
            value = f"factory_{name}()"
            value = f"{value} if {name} is FACTORY else {name}" if each.init else value
        elif not each.init:
            continue
        if each.init:
            (keywords if each.kw_only else positional).append(parameter)
            annotations[name] = each.type
        body.append(
            f"set_attribute(self, '{name}', {value})" if frozen else f"self.{name} = {value}"
        )
    if hasattr(made, "__post_init__"):
        body.append("self.__post_init__()")
    parameters = positional + (keywords if len(keywords) > 1 else [])
    source = f"def __init__({', '.join(parameters)}):\n " + "\n ".join(body or ["pass"])
    # Nothing of it comes from outside: it is made of the names of fields.
    exec(source, names)  # noqa: S102
    init = names["__init__"]
    init.__qualname__ = f"{made.__qualname__}.__init__"
    init.__module__ = made.__module__
    init.__annotations__ = {**annotations, "return": None}
    return init


def _representation(names: Iterable[str]) -> Callable[[Any], str]:
    @recursive_repr()
    def represent(self: Any) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({values})"

    return represent


def _add_comparison(made: type[Any], names: list[str], *, frozen: bool) -> None:
    """Add `__eq__` and `__hash__`; objects that may change have no hash."""
    values: Callable[[Any], object] = attrgetter(*names) if names else lambda self: ()

    def equal(self: Any, other: object) -> object:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values(self) == values(other)

    def hashed(self: Any) -> int:
        return hash(values(self))

    _add(made, "__eq__", equal)
    if vars(made).get("__hash__") is None:
        made.__hash__ = hashed if frozen else None  # type: ignore[assignment]


def _refuse_assignment(self: Any, name: str, value: object) -> None:
    if _is_frozen(self, name):
        raise FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(self, name, value)


def _refuse_deletion(self: Any, name: str) -> None:
    if _is_frozen(self, name):
        raise FrozenInstanceError(f"cannot delete field {name!r}")
    object.__delattr__(self, name)


def _is_frozen(self: Any, name: str) -> bool:
    """A class that is derived from a dataclass, and is none, may have attributes of its own."""
    return "__dataclass_fields__" in vars(type(self)) or name in self.__dataclass_fields__


def _restore(self: object, state: Iterable[dict[str, Any] | None]) -> None:
    """Set the attributes of a copied or unpickled object: of its dictionary, and of its slots."""
    for attributes in state:
        for name, value in (attributes or {}).items():
            object.__setattr__(self, name, value)
