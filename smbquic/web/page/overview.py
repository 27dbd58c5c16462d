"""What the status page shows of a server or a gateway as a whole."""

from dataclasses import asdict
from math import isinf
from time import time
from typing import Any

from smbquic.gateway.gateway import Gateway
from smbquic.options.limits import Limits
from smbquic.options.model import declared
from smbquic.overload.service import LimitedService
from smbquic.overload.slices import Slices
from smbquic.pki.explain import describe
from smbquic.pki.reload import ServerCertificates
from smbquic.pki.server_certificate import ServerCertificate
from smbquic.server.server import Server
from smbquic.web.page.paging import Row
from smbquic.web.page.refusals import REFUSALS
from smbquic.web.page.volumes import Volumes

_LOCKED = 200
"""Lockouts of one kind that are shown."""
_NAMES = 100


def counts(service: LimitedService[Any]) -> dict[str, Any]:
    """Return how much there is of what: connections, and a server's sessions and files."""
    found = {
        "connections": len(service.connections),
        "unauthenticated": service.connection_limiter.unauthenticated,
        "refused": sum(service.refusals.counts.values()),
        "waiting": service.slow_peers.waiting,
        "lost_records": service.audit.lost,
    }
    if isinstance(service, Server):
        found |= {
            "sessions": len(service.sessions),
            "opens": service.files.budget.used,
            "leases": len(service.files.leases),
            "durable": len(service.files.durables),
            "failures": service.failures,
            "failed_deletions": service.files.failed_deletions,
        }
    return found


def event_loop(service: LimitedService[Any]) -> dict[str, Any] | None:
    """Return when requests have kept all others waiting; None for a gateway, which handles none."""
    if not isinstance(service, Server):
        return None
    monitor = service.loop_monitor
    return {
        "held": monitor.held,
        "longest_ms": round(monitor.longest * 1000, 1),
        "recent": [asdict(each) for each in reversed(monitor.recent)],
    }


async def shares(server: Server, volumes: Volumes) -> list[Row]:
    """Return the shares, with the space on their disks."""
    slices = Slices()
    clients = server.count_trees()
    found = []
    for share in list(server.shares.values()):
        await slices.step()
        volume = await volumes.of(share)
        found.append(
            {
                "name": share.name,
                "comment": share.comment,
                "read_only": share.read_only or share.storage.read_only,
                "encrypt": share.encrypt,
                "missing": share.missing,
                "slow": share.disk.is_slow,
                "clients": clients.get(share.name, 0),
                "total": volume.total_bytes if volume else None,
                "available": volume.available_bytes if volume else None,
            }
        )
    return found


def pools(gateway: Gateway) -> list[Row]:
    """Return the pools, with their back ends."""
    return gateway.pool_status()


async def certificates(found: ServerCertificates | None) -> list[Row]:
    """Return the certificates, each with its rules for clients."""
    slices = Slices()
    rows = []
    for identity in found.identities if found is not None else ():
        await slices.step()
        rows.append(_certificate(identity))
    return rows


def _certificate(identity: ServerCertificate) -> Row:
    certificate, access, logons = identity.credential.certificate, identity.access, identity.logons
    rules = access.rules if access is not None else None
    said = describe(certificate)
    return {
        "names": list(identity.names)[:_NAMES],
        "file": str(identity.files.certificate),
        "default": identity.files.default,
        "subject": said["subject"],
        "issuer": said["issuer"],
        "key": said["key"],
        "sha256": said["sha256"],
        "not_after": certificate.not_valid_after_utc.timestamp(),
        "not_before": certificate.not_valid_before_utc.timestamp(),
        "issues": [each.text for each in identity.issues],
        "demands_certificate": access is not None,
        "client_ca": str(identity.files.client_ca) if identity.files.client_ca else None,
        "rules": None if rules is None else list(map(str, rules.entries)),
        "logons": None if logons is None else list(map(str, logons.entries)),
    }


def limits(service: LimitedService[Any]) -> dict[str, Any]:
    """Return the limits with what is used of them, and who was refused or is locked out."""
    used = _used(service)
    rows = []
    for name, option in declared(Limits).items():
        value = getattr(service.limits, name)
        rows.append(
            {
                "name": name,
                "value": None if isinf(value) else value,
                "used": used.get(name),
                "unit": option.option.unit,
                "text": option.text,
            }
        )
    return {
        "limits": rows,
        "refused": [
            {"reason": str(why), "text": REFUSALS[why].text if why in REFUSALS else "", "count": n}
            for why, n in service.refusals.counts.most_common()
        ],
        "locked": _locked(service),
    }


def _used(service: LimitedService[Any]) -> dict[str, int]:
    used = {
        "connections": len(service.connections),
        "unauthenticated": service.connection_limiter.unauthenticated,
        "buffers": service.slow_peers.waiting,
    }
    if isinstance(service, Server):
        used["user_memory"] = service.user_memory.largest
        used["disconnected"] = service.files.durables.disconnected
    return used


def _locked(service: LimitedService[Any]) -> list[Row]:
    """Return who is locked out: by an administrator, and by too many failed logons."""
    found: list[Row] = [
        {"kind": "address", "name": name, "seconds": _seconds(left)}
        for name, left in service.connection_limiter.lockouts.items().items()
    ][:_LOCKED]
    if isinstance(service, Server):
        limiter = service.logon_limiter
        found += [
            {"kind": "user", "name": name, "seconds": _seconds(left)}
            for name, left in limiter.lockouts.items().items()
        ][:_LOCKED]
        found += [
            {"kind": "failures", "name": list(key), "seconds": _seconds(left)}
            for key, left in limiter.locked().items()
        ][:_LOCKED]
    return found


def _seconds(left: float) -> float | None:
    return None if isinf(left) else round(left, 1)


def now() -> float:
    """Return the server's time, by which the page shows how long ago something was."""
    return round(time(), 3)
