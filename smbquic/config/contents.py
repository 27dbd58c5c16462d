"""Checks what the files that a server's configuration names contain, and whether it is usable."""

from pathlib import Path
from typing import Any

from smbquic.api.connection_ids import connection_id_format
from smbquic.config.document import Document
from smbquic.config.reader import Configuration
from smbquic.config.schema import CERTIFICATE
from smbquic.errors import ConfigError, EngineError, PkiError
from smbquic.observe.trace_endpoint import check_traces
from smbquic.options.certificate import IdentityFiles
from smbquic.options.model import values_of
from smbquic.options.quic import EngineOptions, TlsOptions
from smbquic.pki.acme.store import AcmeStore
from smbquic.pki.explain import VerificationStatus
from smbquic.pki.server_certificate import ServerCertificate, check_distinct
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.plugin import Requirements
from smbquic.transport.quic.registry import choose


def check_contents(path: Path, loaded: Configuration) -> list[str]:
    """Check a configuration that was loaded from a file; return warnings.

    Raises `ConfigError`, which names file, line, key and what to do.
    """
    document = Document.load(path)
    if "connection_ids" in document.content:
        try:
            connection_id_format(loaded.connection_ids)
        except ConfigError as error:
            place, text = ("connection_ids",), str(error).removeprefix("connection_ids: ")
            raise document.error(place, text) from error
    if loaded.audit is not None and loaded.audit.file is not None:
        folder = loaded.audit.file.parent
        if not folder.is_dir():
            raise document.error(("audit", "file"), f"there is no folder {folder}: make it")
    try:
        check_traces(loaded.traces)
    except ConfigError as error:
        raise document.error(("traces", "endpoint"), str(error)) from error
    warnings, client_certificates = _certificates(document, loaded)
    if any(address.startswith("quic:") for address in loaded.listen):
        _check_engine(document, loaded, client_certificates=client_certificates)
    return warnings


def _certificates(document: Document, loaded: Configuration) -> tuple[list[str], bool]:
    """Check the certificates; return warnings, and whether clients need certificates, too."""
    warnings, found = [], []
    # That of an ACME server need not be there yet.
    later = AcmeStore(loaded.acme).certificate if loaded.acme is not None else None
    for number, files in enumerate(loaded.certificates):
        if files.certificate == later:
            continue
        place = ("certificate", number)
        try:
            certificate = ServerCertificate.load(files)
        except (PkiError, ConfigError) as error:
            raise document.error((*place, _key(files, str(error))), str(error)) from error
        warnings += [
            str(document.error((*place, "file"), f"{files.certificate}: {issue.text}"))
            for issue in certificate.issues
            if issue.status is VerificationStatus.PROBLEM
        ]
        found.append(certificate)
        document.check(place, PkiError, check_distinct, found)
    return warnings, any(each.access is not None for each in found)


def _check_engine(document: Document, loaded: Configuration, *, client_certificates: bool) -> None:
    options = QuicOptions(**values_of(loaded, EngineOptions), **values_of(loaded, TlsOptions))
    needed = Requirements(
        congestion=options.congestion,
        groups=tuple(options.tls_groups),
        any_group=bool(options.tls_groups),
        client_certificates=client_certificates,
        certificate_by_name=len(loaded.certificates) > 1,
        io_threads=loaded.io_threads > 0,
    )
    names = ("engine", "tls_groups", "congestion", "io_threads")
    keys = (key for key in names if key in document.content)
    document.check((next(keys, "engine"),), EngineError, choose, options, needed)


def _key(files: IdentityFiles, message: str) -> str:
    """Return the key of the file that a message begins with."""
    paths: dict[str, Any] = {
        key: getattr(files, option.name) for key, option in CERTIFICATE.keys.items()
    }
    found = [key for key, path in paths.items() if path and message.startswith(str(path))]
    return found[0] if found else "file"
