"""A well-formed object for every decoder, made of what its class says of its fields."""

import dataclasses
from collections.abc import Callable
from enum import Enum
from ipaddress import IPv4Address
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from smbquic.wire.file_id import FileId
from smbquic.wire.rpc.get_info import GetInfoResponse

_PLAIN: dict[type, Any] = {
    int: 1,
    str: "ab",
    bytes: bytes(range(24)),
    bool: True,
    FileId: FileId(1, 1),
    IPv4Address: IPv4Address("192.0.2.1"),
    UUID: UUID(int=1),
}


def sample(kind: Any) -> Any:
    """A value of a type as annotations spell it. Raises `TypeError` for what is not known here."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is list:
        return [sample(arguments[0])]
    if origin is tuple:
        return (sample(arguments[0]),)
    if origin is dict:
        return {sample(arguments[0]): sample(arguments[1])}
    if origin in (Union, UnionType):
        return sample(next(each for each in arguments if each is not NoneType))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(1)
    if isinstance(kind, type) and issubclass(kind, tuple):
        return kind(*map(sample, get_type_hints(kind).values()))
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return kind(**_fields(kind))
    raise TypeError(f"no sample of {kind}")


def returned(decode: Callable[..., Any]) -> Any:
    """Return the annotated result of a function."""
    return get_type_hints(decode)["return"]


def _fields(kind: type[Any]) -> dict[str, Any]:
    """Defaults that say something stay."""
    if issubclass(kind, GetInfoResponse):
        return {"level": min(kind.layouts), "info": sample(kind.structure)}
    hints = get_type_hints(kind)
    return {
        field.name: sample(hints[field.name])
        for field in dataclasses.fields(kind)
        if field.default in (dataclasses.MISSING, None, b"", "")
    }
