"""Merges the options of the command line into those of the configuration file."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from smbquic.auth.users import UserStore
from smbquic.config.reader import Configuration
from smbquic.errors import ConfigError
from smbquic.options.acme import AcmeOptions
from smbquic.options.audit import AuditOptions
from smbquic.options.connection_ids import ConnectionIdOptions
from smbquic.options.limits import Limits
from smbquic.options.model import declared
from smbquic.options.server import ProgramOptions
from smbquic.options.traces import TraceOptions
from smbquic.options.web import WebOptions
from smbquic.pki.subject import general_name


def merged(base: Configuration, given: Mapping[type, Mapping[str, Any]]) -> Configuration:
    """Return a configuration with the given values, by class of options and by name.

    Lists that add to those of the file do. Raises `UsersError` for a file of users that is none,
    and `ConfigError` for options of ACME that do not fit.
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
    if traces := given.get(TraceOptions):
        values["traces"] = replace(base.traces, **traces)
    if audit := given[AuditOptions]:
        values["audit"] = replace(base.audit or AuditOptions(file=None), **audit)
    if acme := given.get(AcmeOptions):
        values["acme"] = _acme(base, acme)
    if "users_file" in values:
        values["users"] = UserStore.load(values["users_file"])
    return replace(base, **values)


def _acme(base: Configuration, given: Mapping[str, Any]) -> AcmeOptions:
    """Return the options of ACME, which are all from the command line."""
    if base.certificates:
        raise ConfigError("the configuration file has certificates: write the names into its acme")
    if "names" not in given:
        raise ConfigError("the options of ACME need the names of the certificate: add --acme NAME")
    try:
        for name in given["names"]:
            general_name(name)
        return AcmeOptions(**given)
    except ValueError as error:
        raise ConfigError(f"--acme: {error}") from error
