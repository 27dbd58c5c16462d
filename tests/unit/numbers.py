"""The constants of a package that are numbers, for tests that have a second copy of them."""

import pkgutil
from functools import cache
from importlib import import_module


@cache
def numbers_of(package: str, without: tuple[str, ...] = ()) -> dict[str, list[object]]:
    """Return the values that each name in capitals has in the modules of a package, sorted.

    `without` are packages in it that are left out.
    """
    found: dict[str, list[object]] = {}
    path = import_module(package).__path__
    for module in pkgutil.walk_packages(path, f"{package}."):
        if module.name.startswith(without or "-"):
            continue
        for name, value in vars(import_module(module.name)).items():
            if name.isupper() and type(value) in (int, float, tuple):
                values = found.setdefault(name, [])
                if value not in values:
                    values.append(value)
    return {name: sorted(values, key=repr) for name, values in found.items()}
