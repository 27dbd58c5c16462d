"""What a probe looks at, and what it has to say about it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from smbquic.pki.verification import Trust
from smbquic.transport.quic import ClientTls, QuicOptions
from smbquic.transport.resolver import Resolver


class Step(StrEnum):
    """What is looked at, in this order."""

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


class Outcome(StrEnum):
    """How a step went."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """How one step went, in words; `advice` is what to do, `error` what it failed of.

    `family` is IPv6 or IPv4 where a name has both and each is walked on its own.
    """

    step: Step
    outcome: Outcome
    text: str
    advice: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    error: Exception | None = None
    family: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOptions:
    """Whom to believe and who we are. Without `password` there is no logon.

    Without `trust` the system's authorities count; `insecure` believes anybody.
    """

    trust: Trust | None = None
    insecure: bool = False
    client: ClientTls = field(default_factory=ClientTls)
    quic: QuicOptions = field(default_factory=QuicOptions)
    resolver: Resolver = field(default_factory=Resolver)
    password: str | None = None
    timeout: float = 10.0


class Failed(Exception):  # noqa: N818  (it carries a result, and no error is the caller's)
    """A step after which there is no other."""

    def __init__(
        self, step: Step, text: str, advice: str, error: Exception | None = None, **details: Any
    ) -> None:
        super().__init__(text)
        self.result = Result(step, Outcome.FAILED, text, advice, details, error)
