"""The tables of the server's configuration file, each with the options that its keys are."""

from smbquic.config.section import Section, section_of
from smbquic.options.acme import AcmeOptions
from smbquic.options.audit import AuditOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.connection_ids import ConnectionIdOptions
from smbquic.options.gateway import BackendOptions, PoolOptions
from smbquic.options.limits import Limits
from smbquic.options.server import ProgramOptions
from smbquic.options.share import ShareFolder
from smbquic.options.traces import TraceOptions
from smbquic.options.web import WebOptions

FILES_OF_CERTIFICATE = ("file", "key", "password_file")

TOP = section_of("", "(the top of the file)", ProgramOptions)
SHARES = section_of("shares", "[shares.NAME]", ShareFolder)
CERTIFICATE = section_of("certificate", "[[certificate]]", IdentityFiles)
RULES = Section(
    CERTIFICATE.name,
    CERTIFICATE.header,
    "A certificate table without a file: its rules are for the certificate of acme.",
    {key: CERTIFICATE.keys[key] for key in CERTIFICATE.keys if key not in FILES_OF_CERTIFICATE},
)
ACME = section_of("acme", "[acme]", AcmeOptions)
USERS = Section(
    "users", "[users]", 'NAME = "password". A users file keeps no passwords: prefer it.', {}
)
CONNECTION_IDS = section_of("connection_ids", "[connection_ids]", ConnectionIdOptions)
LIMITS = section_of("limits", "[limits]", Limits)
WEB = section_of("web", "[web]", WebOptions)
TRACES = section_of("traces", "[traces]", TraceOptions)
AUDIT = section_of("audit", "[audit]", AuditOptions)
GATEWAY = section_of("gateway", "[gateway]", BackendOptions)
POOLS = section_of("gateway.pools", "[gateway.pools.NAME]", PoolOptions)

SECTIONS = (
    TOP,
    SHARES,
    CERTIFICATE,
    ACME,
    USERS,
    CONNECTION_IDS,
    LIMITS,
    WEB,
    TRACES,
    AUDIT,
    GATEWAY,
    POOLS,
)
