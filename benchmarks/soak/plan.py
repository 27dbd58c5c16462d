"""How a soak goes: which clients there are, what they do how often, and how long."""

import json
from dataclasses import asdict, dataclass
from typing import Literal

SHARE = "soak"
PAGES = 8
"""Pages that all clients read and write."""
PAGES_FOLDER, KILLED_FOLDER, CLIENTS_FOLDER = "pages", "killed", "clients"
"""The folders of a share: pages of all, pages that killed clients hold, and a folder for each."""

Engine = Literal["auto", "native", "qh3", "aioquic"]
Transport = Literal["tcp", "quic-native", "quic-qh3", "quic-aioquic"]
TRANSPORTS: tuple[Transport, ...] = ("quic-native", "quic-qh3", "quic-aioquic", "tcp")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """The options of one process of clients, which logs on `sessions` times, again and again.

    With `holds`, it is to be killed: it begins with opens, locks, leases and watches that it keeps.
    """

    name: str
    url: str
    engine: Engine
    ca: str
    password: str
    sessions: int
    rate: float
    interval: float
    seed: str
    holds: bool = False

    def to_json(self) -> str:
        """Return them for a command line."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakPlan:
    """`rate` is the operations per second of all clients together; times are in seconds."""

    seconds: float
    rate: float
    seed: int
    interval: float
    """Between two samples."""
    transports: tuple[Transport, ...] = TRANSPORTS
    sessions: int = 8
    """Of each transport."""
    killed: tuple[Transport, ...] = TRANSPORTS
    """The transports whose clients are killed, one after the other."""
    kill_interval: float = 20.0
    """How long a client that is killed lives, on average."""
    smbclient: bool = True
    smbclient_interval: float = 15.0
    durable_seconds: float = 30.0
    """How long the server keeps the durable opens of a client that is gone."""

    @property
    def rate_of_process(self) -> float:
        """The operations per second of one process, those that are to be killed included."""
        return self.rate / (len(self.transports) + bool(self.killed))

    @property
    def settling(self) -> float:
        """How long the server may take until it has given back what clients held.

        A client that was killed is noticed after the idle timeout of QUIC, and a broken lease is
        waited for; its durable opens are kept for their time then.
        """
        return 30.0 + 35.0 + self.durable_seconds + 15.0
