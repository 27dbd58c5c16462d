"""The numbers that stand for things, against a second copy from the specifications."""

import importlib
import pkgutil
import tomllib
from dataclasses import fields, is_dataclass
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any

from smbquic import wire


def enumerations() -> dict[str, dict[str, int]]:
    """All that `smbquic.wire` defines, by module and name."""
    found = {}
    for module in pkgutil.walk_packages(wire.__path__, "smbquic.wire."):
        for name, each in vars(importlib.import_module(module.name)).items():
            kind = isinstance(each, type) and issubclass(each, IntEnum | IntFlag)
            if kind and each.__module__ == module.name and each.__members__:
                key = f"{module.name.removeprefix('smbquic.wire.')}.{name}"
                found[key] = {member: int(value) for member, value in each.__members__.items()}
    return found


def tables(values: dict[str, Any], prefix: str = "") -> dict[str, dict[str, int]]:
    """The tables of a TOML document that hold numbers, by their full names."""
    found = {}
    for name, value in values.items():
        if all(isinstance(each, int) for each in value.values()):
            found[prefix + name] = value
        else:
            found |= tables(value, f"{prefix}{name}.")
    return found


# What is not zero where a structure's maker says nothing: sizes, marks of the only kind there is,
# and "no limit". [MS-DTYP] 2.4.5, 2.4.6; [MS-FSCC] 2.5.2; [MS-SMB2] 2.2.31, 2.2.19, 2.2.41;
# [C706] 12.6; [MS-SRVS] 2.2.4
DEFAULTS = {
    "Acl.acl_revision": 2,
    "SecurityDescriptor.control": 0x8000,
    "FsControlInformation.default_quota_threshold": 2**64 - 1,
    "FsControlInformation.default_quota_limit": 2**64 - 1,
    "IoctlRequest.flags": 1,
    "ReadRequest.padding": 80,
    **{
        f"{name}.{field}": 4280
        for name in ("Bind", "BindAck", "AlterContext", "AlterContextResp")
        for field in ("max_xmit_frag", "max_recv_frag")
    },
    **{f"{name}.flags": 3 for name in ("RpcRequest", "RpcResponse", "RpcFault")},
    "ShareInfo.max_uses": 2**32 - 1,
    "NetrShareEnumRequest.preferred_maximum_length": 2**32 - 1,
    "ServerInfo.platform_id": 500,
    "WkstaInfo.platform_id": 500,
    "TransformHeader.flags": 1,
}


def test_what_is_not_said_is_zero() -> None:
    found: dict[str, int] = {}
    for module in pkgutil.walk_packages(wire.__path__, "smbquic.wire."):
        if module.name == "smbquic.wire.layout":  # it describes structures, and has none
            continue
        for name, each in vars(importlib.import_module(module.name)).items():
            if is_dataclass(each) and isinstance(each, type) and each.__module__ == module.name:
                for field in fields(each):
                    default: Any = field.default
                    if isinstance(default, int):
                        found[f"{name}.{field.name}"] = int(default)
    assert len(found) > 50
    assert {name: value for name, value in found.items() if value} == DEFAULTS


def test_every_value_is_that_of_the_specification() -> None:
    expected = tomllib.loads(Path(__file__).with_name("values.toml").read_text())
    assert enumerations() == tables(expected)
