"""Merges the options of the command line into those of the configuration file."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from smbquic.auth.users import UserStore
from smbquic.config.reader import Configuration
from smbquic.options.audit import AuditOptions
from smbquic.options.connection_ids import ConnectionIdOptions
from smbquic.options.limits import Limits
from smbquic.options.model import declared
from smbquic.options.server import ProgramOptions
from smbquic.options.web import WebOptions


def merged(base: Configuration, given: Mapping[type, Mapping[str, Any]]) -> Configuration:
    """Return a configuration with the given values, by class of options and by name.

    Lists that add to those of the file do. Raises `UsersError` for a file of users that is none.
    """
    values = {
        name: value
        for group, each in given.items()
        if issubclass(ProgramOptions, group)
        for name, value in each.items()
    }
    for name, each in declared(ProgramOptions).items():
        if each.option.adds and name in values:
            values[name] = (*getattr(base, name), *values[name])
    if connection_ids := given[ConnectionIdOptions]:
        values["connection_ids"] = replace(base.connection_ids, **connection_ids)
    if limits := given[Limits]:
        values["limits"] = replace(base.limits, **limits)
    if web := given[WebOptions]:
        values["web"] = replace(base.web, **web)
    if audit := given[AuditOptions]:
        values["audit"] = replace(base.audit or AuditOptions(file=None), **audit)
    if "users_file" in values:
        values["users"] = UserStore.load(values["users_file"])
    return replace(base, **values)
