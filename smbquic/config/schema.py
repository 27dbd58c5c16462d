"""The tables of the configuration file, each with the options that its keys are."""

from collections.abc import Mapping
from dataclasses import dataclass

from smbquic.options.audit import AuditOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.limits import Limits
from smbquic.options.model import Declared, declared
from smbquic.options.server import ProgramOptions
from smbquic.options.share import ShareFolder


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the file. `header` is how it is written there; `keys` are its options by key."""

    name: str
    header: str
    text: str
    keys: Mapping[str, Declared]


def _section(name: str, header: str, options: type) -> Section:
    text = " ".join((options.__doc__ or "").split())
    keys = {each.key: each for each in declared(options).values() if each.key is not None}
    return Section(name, header, text, keys)


TOP = _section("", "(the top of the file)", ProgramOptions)
SHARES = _section("shares", "[shares.NAME]", ShareFolder)
CERTIFICATE = _section("certificate", "[[certificate]]", IdentityFiles)
USERS = Section(
    "users", "[users]", 'NAME = "password". A users file keeps no passwords: prefer it.', {}
)
LIMITS = _section("limits", "[limits]", Limits)
AUDIT = _section("audit", "[audit]", AuditOptions)

SECTIONS = (TOP, SHARES, CERTIFICATE, USERS, LIMITS, AUDIT)
