"""The sockets that systemd has opened for this process (sd_listen_fds(3)).

As systemd keeps them open, clients that come while a server is restarted are not refused: their
packets wait in the sockets for the next server.
"""

import os
import socket
from collections.abc import MutableMapping

from smbquic.errors import ConfigError

FIRST = 3
"""The first descriptor that is passed."""


def inherited_sockets(environment: MutableMapping[str, str] = os.environ) -> list[socket.socket]:
    """Return the sockets, none if systemd has opened none for this process.

    Their variables are removed, so that child processes do not take the descriptors for theirs.
    Raises `ConfigError` for what is no socket of IPv4 or IPv6, by the name that its unit gives it.
    """
    process = environment.pop("LISTEN_PID", "")
    count = environment.pop("LISTEN_FDS", "")
    names = environment.pop("LISTEN_FDNAMES", "").split(":")
    if process != str(os.getpid()) or not count.isdecimal():
        return []
    return [_taken(number, names) for number in range(int(count))]


def _taken(number: int, names: list[str]) -> socket.socket:
    name = names[number] if number < len(names) else "unknown"
    try:
        os.set_inheritable(FIRST + number, False)
        sock = socket.socket(fileno=FIRST + number)
    except OSError as error:
        raise ConfigError(f"descriptor {name} of systemd is no socket: {error.strerror}") from error
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        raise ConfigError(f"the socket {name} of systemd is neither of IPv4 nor of IPv6")
    return sock
