"""The numbers in a package that have names, for tests that have a second copy of them."""

import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any


@cache
def numbers_of(package: str, without: tuple[str, ...] = ()) -> dict[str, list[object]]:
    """Return the values that each name in capitals has in the modules of a package, sorted.

    `without` are packages in it that are left out.
    """
    found: dict[str, list[object]] = {}
    for module in _modules(package, without):
        for name, value in vars(module).items():
            if name.isupper() and type(value) in (int, float, tuple):
                values = found.setdefault(name, [])
                if value not in values:
                    values.append(value)
    return {name: sorted(values, key=repr) for name, values in found.items()}


@cache
def defaults_of(package: str, without: tuple[str, ...] = ()) -> dict[str, object]:
    """Return what is not 0 or False where a caller says nothing, in the modules of a package.

    The keys are `Class.field` of a dataclass, and `module.function(parameter)` or
    `Class.method(parameter)`. `without` is as in `numbers_of`.
    """
    found: dict[str, object] = {}
    for module in _modules(package, without):
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(value):
                found.update(_parameters(f"{module.__name__.rpartition('.')[2]}.{name}", value))
            elif isinstance(value, type):
                found.update(_defaults_of_class(value))
    return {
        name: value
        for name, value in found.items()
        if value and (isinstance(value, bool) or type(value) in (int, float))
    }


def _modules(package: str, without: tuple[str, ...]) -> Iterator[ModuleType]:
    path = import_module(package).__path__
    for module in pkgutil.walk_packages(path, f"{package}."):
        if not module.name.startswith(without or "-"):
            yield import_module(module.name)


def _defaults_of_class(kind: type) -> Iterator[tuple[str, object]]:
    made_by_us = set(vars(kind))
    if is_dataclass(kind):
        own = inspect.get_annotations(kind)
        yield from (
            (f"{kind.__name__}.{field.name}", field.default)
            for field in fields(kind)
            if field.name in own
        )
        made_by_us.discard("__init__")
    for name in made_by_us:
        method: Any = getattr(vars(kind)[name], "__func__", vars(kind)[name])
        if inspect.isfunction(method):
            yield from _parameters(f"{kind.__name__}.{name}", method)


def _parameters(name: str, function: Any) -> Iterator[tuple[str, object]]:
    for parameter in inspect.signature(function).parameters.values():
        yield f"{name}({parameter.name})", parameter.default
