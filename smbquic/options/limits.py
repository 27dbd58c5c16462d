"""Limits on the clients of a server, and on what it keeps for them."""

from dataclasses import replace
from math import inf
from typing import Annotated

from smbquic.lazy_dataclass import dataclass
from smbquic.options.model import Option, Options


@dataclass(frozen=True, kw_only=True)
class Limits(Options):
    """Limits on the clients of a server, and on what it keeps for them."""

    connections: Annotated[
        int, Option("Connections of one listener; further ones are refused.")
    ] = 4096
    connections_of_address: Annotated[
        int,
        Option("Connections from one address, on all listeners; an IPv6 /64 counts as one."),
    ] = 1_024
    connections_of_user: Annotated[
        int, Option("Connections on which one user has logged on; further ones are closed.")
    ] = 2_048
    unauthenticated: Annotated[
        int,
        Option(
            "Connections that have not logged on yet; a further one has the oldest disconnected."
        ),
    ] = 1_024
    unauthenticated_of_address: Annotated[int, Option("The same from one address.")] = 128
    unauthenticated_share: Annotated[
        float,
        Option(
            "The part of the processor time that unauthenticated connections get while users are"
            " busy. The less users do, the more it is."
        ),
    ] = 0.1
    half_open: Annotated[int, Option("QUIC handshakes of one listener that are not complete.")] = (
        256
    )
    half_open_of_address: Annotated[
        int, Option("The same from one address, once that is validated.")
    ] = 64
    sessions: Annotated[int, Option("Sessions of one connection.")] = 64
    trees: Annotated[int, Option("Shares that one session may be connected to.")] = 256
    opens: Annotated[
        int,
        Option(
            "Files and folders that one session may have open. Every listing of a folder needs an"
            " open of its own."
        ),
    ] = 16_384
    locks: Annotated[int, Option("Byte ranges that may be locked in one open.")] = 4_096
    watches: Annotated[int, Option("Folders that one connection may watch.")] = 1_024
    pipes: Annotated[int, Option("Pipes that one session may have open.")] = 4_096
    pipe_bytes: Annotated[
        int,
        Option(
            "What may wait to be read from a pipe; writes beyond that have to wait.", unit="bytes"
        ),
    ] = 64 << 10
    pending: Annotated[
        int,
        Option(
            "Requests of one connection that may wait for a lock or for a change in a folder;"
            " further ones are refused. As many again may wait for the server, such as for an"
            " fsync; beyond that no more is read from the connection."
        ),
    ] = 511
    logon_seconds: Annotated[
        float,
        Option("The time in which a client must log on, or is disconnected.", unit="seconds"),
    ] = 45.0
    failed_logon_delay: Annotated[
        float, Option("The delay of the response to a failed logon.", unit="seconds")
    ] = 2.0
    failed_logons: Annotated[
        int,
        Option(
            "Failed logons of one user within `lockout_seconds`; for as long after that, every"
            " logon of that user is refused."
        ),
    ] = 10
    failed_logons_of_address: Annotated[
        int, Option("The same from one address, or with one certificate.")
    ] = 50
    lockout_seconds: Annotated[
        float,
        Option(
            "The time in which failed logons are counted, and for which logons are refused after"
            " too many.",
            unit="seconds",
        ),
    ] = 600.0
    interim_delay: Annotated[
        float,
        Option(
            "The time after which an unanswered request gets an interim response.", unit="seconds"
        ),
    ] = 0.005
    session_seconds: Annotated[
        float,
        Option(
            "The time until a session must log on again; inf is never, as an NTLM logon does not"
            " expire.",
            unit="seconds",
        ),
    ] = inf
    break_seconds: Annotated[
        float,
        Option(
            "The time that a client has to acknowledge the break of an oplock or lease.",
            unit="seconds",
        ),
    ] = 35.0
    durable_seconds: Annotated[
        float,
        Option(
            "The time that a durable open is kept for its client, unless the client asks for"
            " another.",
            unit="seconds",
        ),
    ] = 120.0
    disconnected: Annotated[
        int,
        Option("Durable opens that are kept for disconnected clients, of all clients together."),
    ] = 16_384
    slow_seconds: Annotated[
        float,
        Option(
            "The time over which the rate of a client that reads responses or sends a message is"
            " measured; one below `slow_rate` is disconnected.",
            unit="seconds",
        ),
    ] = 30.0
    slow_rate: Annotated[
        int,
        Option(
            "The lowest rate at which a client may read responses, or send a message.",
            unit="bytes a second",
        ),
    ] = 2_048
    drain_seconds: Annotated[
        float,
        Option(
            "The time that clients have to finish their requests when the server is asked to stop.",
            unit="seconds",
            help="How long clients may finish their requests when the server is asked to stop; a"
            " second Ctrl-C or SIGTERM ends it at once.",
            flag="--drain-seconds",
        ),
    ] = 30.0
    buffers: Annotated[
        int,
        Option(
            "What may wait in memory, for all clients and in both directions. Responses to all"
            " users may take half of it, those to one user a quarter. Beyond it, the clients that"
            " hold the most are disconnected.",
            unit="bytes",
        ),
    ] = 256 << 20
    threads: Annotated[
        int,
        Option("Threads that work on files for one user at once, such as for flushes and copies."),
    ] = 4
    user_memory: Annotated[
        int,
        Option(
            "What the server keeps for one user: locks (256 bytes each), changes in folders, pipes"
            " and further sessions. All users together may have four times as much.",
            unit="bytes",
        ),
    ] = 16 << 20

    @property
    def all_user_memory(self) -> int:
        """Bytes of `user_memory` that all users together may have."""
        return 4 * self.user_memory


DEFAULT_LIMITS = Limits()

FIXED_LIMITS = ("connections", "half_open", "half_open_of_address", "threads")
"""The limits that a running server keeps: its listeners and its users' threads have them."""


def replaceable(limits: Limits, running: Limits) -> Limits:
    """Return limits for a running server: others, but those that it keeps."""
    return replace(limits, **{name: getattr(running, name) for name in FIXED_LIMITS})
