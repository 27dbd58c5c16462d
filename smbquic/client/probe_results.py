"""The steps of a probe, its options, and the result of a step."""

from dataclasses import field
from enum import StrEnum
from typing import Any

from smbquic.lazy_dataclass import dataclass
from smbquic.pki.verification import Trust
from smbquic.transport.quic import ClientTls, QuicOptions
from smbquic.transport.resolver import Resolver


class ProbeStep(StrEnum):
    """The steps of a probe, in their order."""

    NAME = "name"
    ADDRESSES = "addresses"
    REACHABILITY = "reachability"
    VERSION = "quic-version"
    TLS = "tls"
    ALPN = "alpn"
    CERTIFICATE = "certificate"
    CLIENT_CERTIFICATE = "client-certificate"
    NEGOTIATE = "negotiate"
    LOGON = "logon"
    SHARE = "share"


class ProbeOutcome(StrEnum):
    """How a step ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of a step, in words; `advice` is what to do, `error` why it failed.

    `family` is IPv6 or IPv4 where a name has both, and each is probed on its own.
    """

    step: ProbeStep
    outcome: ProbeOutcome
    text: str
    advice: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    error: Exception | None = None
    family: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOptions:
    """Which servers are trusted, and who the client is. Without `password` there is no logon.

    Without `trust` the system's authorities count; `insecure` trusts any certificate.
    """

    trust: Trust | None = None
    insecure: bool = False
    client: ClientTls = field(default_factory=ClientTls)
    quic: QuicOptions = field(default_factory=QuicOptions)
    resolver: Resolver = field(default_factory=Resolver)
    password: str | None = None
    timeout: float = 10.0


class ProbeFailed(Exception):  # noqa: N818  (it carries a result, and no error is the caller's)
    """A step that failed, so that the next one cannot be tried."""

    def __init__(
        self,
        step: ProbeStep,
        text: str,
        advice: str,
        error: Exception | None = None,
        **details: Any,
    ) -> None:
        super().__init__(text)
        self.result = ProbeResult(step, ProbeOutcome.FAILED, text, advice, details, error)
