"""The options of the gateway: its back ends, in pools by the name that clients ask for."""

from collections.abc import Sequence
from typing import Annotated

from smbquic.lazy_dataclass import dataclass
from smbquic.options.headings import PROTOCOL
from smbquic.options.kinds import Texts
from smbquic.options.model import Option, Options


@dataclass(frozen=True, kw_only=True)
class BackendOptions(Options):
    """How `smbquic gateway` treats its back ends. They are in the tables of `gateway.pools`."""

    health_interval: Annotated[
        float,
        Option(
            "The time between two health checks of a back end, a tenth more or less. A check"
            " connects and sends a NEGOTIATE.",
            unit="seconds",
            minimum=0.1,
        ),
    ] = 5.0
    health_timeout: Annotated[
        float,
        Option("The time in which a back end has to answer.", unit="seconds", minimum=0.1),
    ] = 2.0
    health_failures: Annotated[
        int,
        Option(
            "Failures in a row, of checks or of connections, after which a back end gets no more"
            " clients, until a check succeeds.",
            minimum=1,
        ),
    ] = 2
    affinity_seconds: Annotated[
        float,
        Option(
            "The time for which further connections of a client go to the same back end, which has"
            " the client's durable handles.",
            unit="seconds",
        ),
    ] = 900.0


DEFAULT_BACKENDS = BackendOptions()


@dataclass(frozen=True, kw_only=True)
class PoolOptions(Options):
    """Back ends of `smbquic gateway`, each of which can serve all clients that ask for `names`."""

    name: str = "default"
    backends: Annotated[
        Sequence[str],
        Option(
            "An SMB server: tcp://HOST[:445] or unix:///PATH. More clients go to one with"
            " `weight=2` behind the URL, and no new ones to one with `weight=0`.",
            help="An SMB server: tcp://HOST[:445] or unix:///PATH, and `weight=N` behind a blank.",
            kind=Texts('["tcp://nas1:445", "tcp://nas2:445 weight=2"]', "back ends"),
            flag="--backend",
            metavar="URL",
        ),
    ]
    names: Annotated[
        Sequence[str],
        Option(
            "The names that clients ask for (SNI); `*.` may stand for one label.",
            default="all that no other pool has",
        ),
    ] = ()
    proxy_protocol: Annotated[
        bool,
        Option(
            "Begin each connection to a back end with the client's address (PROXY protocol,"
            " version 2). The back end has to expect it.",
            flag="--proxy-protocol",
            heading=PROTOCOL,
        ),
    ] = False
    require_encryption_to_backend: Annotated[
        bool,
        Option(
            "Disconnect a client that sends anything but a logon without SMB encryption.",
            flag="--require-encryption-to-backend",
            heading=PROTOCOL,
        ),
    ] = False
