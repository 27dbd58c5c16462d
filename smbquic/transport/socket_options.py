"""Options of sockets that not every system knows or allows."""

import socket
import sys

LINUX = sys.platform == "linux"
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33


def try_option(sock: socket.socket, level: int, option: int, value: int) -> bool:
    """Set an option if the kernel knows and allows it; return whether it does."""
    try:
        sock.setsockopt(level, option, value)
    except OSError:
        return False
    return True


def request_buffer(sock: socket.socket, option: int, size: int) -> None:
    """Ask for a buffer of `size` bytes, for SO_SNDBUF or SO_RCVBUF.

    Whoever may administer the network gets it; anybody else gets what ``net.core.wmem_max`` or
    ``net.core.rmem_max`` allows, and the kernel says nothing.
    """
    forced = SO_SNDBUFFORCE if option == socket.SO_SNDBUF else SO_RCVBUFFORCE
    if not (LINUX and try_option(sock, socket.SOL_SOCKET, forced, size)):
        try_option(sock, socket.SOL_SOCKET, option, size)
