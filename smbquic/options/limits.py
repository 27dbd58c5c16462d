"""How much one client may hold, and how many may come."""

from dataclasses import dataclass
from math import inf
from typing import Annotated

from smbquic.options.model import Option, Options


@dataclass(frozen=True, kw_only=True)
class Limits(Options):
    """How much one client may hold, and how many may come."""

    connections: Annotated[
        int, Option("Connections of one listener; whoever comes then is refused.")
    ] = 4096
    connections_of_address: Annotated[
        int,
        Option("Connections from one address, on all listeners; an IPv6 /64 counts as one."),
    ] = 1_024
    connections_of_user: Annotated[
        int, Option("Connections on which one user has logged on; the next one is closed.")
    ] = 2_048
    unauthenticated: Annotated[
        int,
        Option("Connections that have not logged on yet; for another one, the oldest makes room."),
    ] = 1_024
    unauthenticated_of_address: Annotated[int, Option("The same from one address.")] = 128
    unauthenticated_share: Annotated[
        float,
        Option(
            "The part of the processor's time that unauthenticated connections get while users"
            " have work."
        ),
    ] = 0.1
    half_open: Annotated[int, Option("QUIC handshakes of one listener that are not over.")] = 256
    half_open_of_address: Annotated[
        int, Option("The same of one address, once that is validated.")
    ] = 64
    sessions: Annotated[int, Option("Sessions of one connection.")] = 64
    trees: Annotated[int, Option("Shares that one session may be connected to.")] = 256
    opens: Annotated[
        int,
        Option(
            "Files and folders that one session may have open. A folder is listed by an open, so"
            " that this bounds the listings too."
        ),
    ] = 16_384
    locks: Annotated[int, Option("Byte ranges that may be locked in one open.")] = 4_096
    watches: Annotated[int, Option("Folders that one connection may watch.")] = 1_024
    pipes: Annotated[int, Option("Pipes that one session may have open.")] = 4_096
    pipe_bytes: Annotated[
        int,
        Option("What may wait to be read of a pipe before it takes no more.", unit="bytes"),
    ] = 64 << 10
    pending: Annotated[
        int,
        Option(
            "Requests of one connection that may wait for a lock or for a change in a folder;"
            " further ones are refused. As many again may take their time, such as an fsync or a"
            " slow logon; beyond that the connection is read no further."
        ),
    ] = 511
    logon_seconds: Annotated[
        float,
        Option("The time until a client must have logged on, or is disconnected.", unit="seconds"),
    ] = 45.0
    failed_logon_delay: Annotated[
        float, Option("The time until the answer to a failed logon.", unit="seconds")
    ] = 2.0
    failed_logons: Annotated[
        int,
        Option(
            "Failed logons of one user within `lockout_seconds`; after that no more are looked at"
            " for as long."
        ),
    ] = 10
    failed_logons_of_address: Annotated[
        int, Option("The same from one address, or with one certificate.")
    ] = 50
    lockout_seconds: Annotated[
        float,
        Option(
            "The time in which failed logons count, and for which no more are looked at.",
            unit="seconds",
        ),
    ] = 600.0
    interim_delay: Annotated[
        float,
        Option("The time until a client hears that an answer takes longer.", unit="seconds"),
    ] = 0.005
    session_seconds: Annotated[
        float,
        Option(
            "The time until a session must log on again, or inf: nothing in NTLM ends by itself.",
            unit="seconds",
        ),
    ] = inf
    break_seconds: Annotated[
        float,
        Option("The time that a client has to give up what it caches.", unit="seconds"),
    ] = 35.0
    durable_seconds: Annotated[
        float,
        Option(
            "The time that a durable open waits for its client, unless that says for how long.",
            unit="seconds",
        ),
    ] = 120.0
    disconnected: Annotated[
        int, Option("Durable opens of all clients together that may wait for them.")
    ] = 16_384
    slow_seconds: Annotated[
        float,
        Option(
            "The time within which a client has to get on with what it is sent, or sends, or is"
            " disconnected.",
            unit="seconds",
        ),
    ] = 30.0
    slow_rate: Annotated[int, Option("How much it has to get on by.", unit="bytes a second")] = (
        2_048
    )
    drain_seconds: Annotated[
        float,
        Option(
            "The time that clients have to finish what they are at when the server is asked to"
            " stop.",
            unit="seconds",
            help="How long clients may finish what they are at when the server is asked to stop; a"
            " second Ctrl-C or SIGTERM ends it at once.",
            flag="--drain-seconds",
        ),
    ] = 30.0
    buffers: Annotated[
        int,
        Option(
            "What may wait in memory, for all clients and in both directions. Answers to all may"
            " take half of it, those to one user a quarter; who holds the most is disconnected"
            " when it comes to more.",
            unit="bytes",
        ),
    ] = 256 << 20
    threads: Annotated[
        int,
        Option("Pieces of work on files (flushes, copies) that one user may have done at once."),
    ] = 4
    user_memory: Annotated[
        int,
        Option(
            "What one user may have the server keep, in locks (256 bytes each), changes in"
            " folders, pipes and further sessions; four times as much for all users.",
            unit="bytes",
        ),
    ] = 16 << 20

    @property
    def all_user_memory(self) -> int:
        """What `user_memory` is for one user, in bytes, for all of them together."""
        return 4 * self.user_memory


DEFAULT_LIMITS = Limits()
