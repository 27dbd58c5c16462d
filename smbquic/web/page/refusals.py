"""Why a client was refused, in sentences, from an audit record."""

from collections.abc import Mapping
from typing import Any

from smbquic.gateway.refusals import GatewayRefusal
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditEvent
from smbquic.overload.refusals import ServerRefusal
from smbquic.pki.checks import Reason
from smbquic.transport.refusals import ListenerRefusal, Refusal

REFUSALS: Mapping[str, Refusal] = {
    str(each): each for each in (*ServerRefusal, *ListenerRefusal, *GatewayRefusal)
}
"""All reasons to refuse a client but those of certificates, by their words."""

_FAILURES = frozenset(
    {
        AuditEvent.REFUSAL,
        AuditEvent.HANDSHAKE_FAILURE,
        AuditEvent.LOGON_FAILURE,
        AuditEvent.SHARE_DENIAL,
    }
)
_REMEDIES = {
    Reason.NO_CERTIFICATE: "Give the client a certificate: this name of the server demands one.",
    Reason.EXPIRED: "Renew the certificate, and check the clock of the client.",
    Reason.NOT_YET_VALID: "Check the clocks of both machines.",
    Reason.UNKNOWN_CA: "Add the authority of the client's certificate to client_ca.",
    Reason.REVOKED: "The certificate was revoked: the client needs a new one.",
    Reason.REVOCATION_LIST_EXPIRED: "Renew the file that client_crl names.",
    Reason.NO_REVOCATION_LIST: "Add the authority's revocation list to client_crl.",
    Reason.WRONG_USAGE: "Issue the certificate for client authentication (clientAuth).",
    "access-denied": "Add a rule to allow in the configuration, or remove one from deny.",
    "no-handshake": "The client went away: it may not trust the server's certificate, or the"
    " network drops large UDP packets. smbquic probe, run on the client's machine, shows which.",
}
_LOGON_REMEDIES = {
    "STATUS_LOGON_FAILURE": "The user's name or the password is wrong.",
    "STATUS_ACCOUNT_LOCKED_OUT": "Too many logons have failed, or an administrator has locked the"
    " user out: let the user in again under Limits, or wait.",
    "STATUS_ACCESS_DENIED": "The client's certificate is not for this user: see the logon rules"
    " under Access.",
}
_SHARE_REMEDIES = {
    "STATUS_BAD_NETWORK_NAME": "There is no share of this name, or its folder is gone.",
    "STATUS_ACCESS_DENIED": "The share demands encryption, or a logon as another user.",
}
_MEANINGS = {each.label: each.meaning for each in NtStatus}


def is_refusal(record: Mapping[str, Any]) -> bool:
    """Return whether a record says that a client was refused or disconnected."""
    event = record.get("event")
    return (
        event in _FAILURES
        or (event == AuditEvent.ACCESS_DECISION and not record.get("granted"))
        or (event == AuditEvent.DISCONNECTION and record.get("reason") is not None)
    )


def explanation(record: Mapping[str, Any]) -> str | None:
    """Return why a client was refused, and what to do; None for what is no refusal."""
    if not is_refusal(record):
        return None
    event, reason = record.get("event"), str(record.get("reason", ""))
    status, message = str(record.get("status", "")), str(record.get("message", ""))
    if event in (AuditEvent.REFUSAL, AuditEvent.DISCONNECTION):
        return _limit(reason)
    if event == AuditEvent.ACCESS_DECISION:
        return _sentences(message, _REMEDIES["access-denied"])
    if event == AuditEvent.HANDSHAKE_FAILURE:
        return _sentences(message, _REMEDIES.get(reason, ""))
    remedies = _LOGON_REMEDIES if event == AuditEvent.LOGON_FAILURE else _SHARE_REMEDIES
    return _sentences(message or _MEANINGS.get(status, status), remedies.get(status, ""))


def _limit(reason: str) -> str:
    known = REFUSALS.get(reason)
    return _sentences(f"The client {known.text}" if known is not None else reason, "")


def _sentences(said: str, remedy: str) -> str:
    return " ".join(f"{each.rstrip('.')}." for each in (said, remedy) if each)
