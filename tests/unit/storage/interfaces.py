"""Compares what two classes offer: a caller that knows the base class may call any subclass."""

import inspect


def members(kind: type) -> dict[str, object]:
    """Return the public members that a class has of its own or by inheritance, without fields."""
    return {
        name: member
        for name, member in inspect.getmembers_static(kind)
        if not name.startswith("_") and (callable(member) or isinstance(member, property))
    }


def differences(base: type, kind: type) -> list[str]:
    """Return the members of `base` that `kind` has as something else, or with other parameters."""
    found = []
    own = members(kind)
    for name, member in members(base).items():
        if isinstance(member, property) or isinstance(own[name], property):
            same = isinstance(member, property) and isinstance(own[name], property)
        else:
            same = parameters(member) == parameters(own[name])
        if not same:
            found.append(name)
    return found


def parameters(function: object) -> list[tuple[str, object, object]]:
    """Return the name, the kind and the default of each parameter."""
    assert callable(function)
    signature = inspect.signature(function)
    return [(each.name, each.kind, each.default) for each in signature.parameters.values()]
