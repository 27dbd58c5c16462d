"""Several UDP sockets on one port, among which the kernel steers datagrams by connection ID.

The workers of a server have one socket each. A program in the kernel (classic BPF, which needs no
privileges) reads the first octet of the destination connection ID, in which `connection_ids.py`
has put the worker. A client's first ID is random, so a new connection comes to a random worker, and
stays there: the later packets have that ID, or one that the worker has issued.
"""

import ctypes
import errno
import socket
from struct import Struct

from smbquic.transport.addresses import Address
from smbquic.transport.quic.connection_ids import MAX_WORKERS, WORKER_MASK
from smbquic.transport.quic.packet import LONG_HEADER
from smbquic.transport.quic.udp import bind
from smbquic.transport.socket_options import LINUX

SO_ATTACH_REUSEPORT_CBPF = 51

_LONG_ID_AT, _SHORT_ID_AT = 6, 1
"""Where the destination connection ID begins ([RFC9000] 17.2, 17.3.1)."""

# <linux/bpf_common.h>: load a byte, jump if a bit is set, jump, and, modulo, return the result.
_LDB, _JSET, _JA, _AND, _MOD, _RET = 0x30, 0x45, 0x05, 0x54, 0x94, 0x16
_INSTRUCTION = Struct("=HBBI")
# struct sock_fprog: the number of instructions, and their address.
_PROGRAM = Struct("@HP")


def open_group(address: Address, workers: int) -> list[socket.socket]:
    """Return sockets on one port, of which each gets the datagrams of the worker with its number.

    The number of a socket is its place in the list, and its place in the kernel's group, which is
    the order in which they were bound. A socket that is closed leaves a gap that the last one
    fills: so a process that is not a worker itself has to keep all sockets open as long as there
    are workers, and gives a worker that is started again the same one. Port 0 picks one for all.

    Raises `OSError` where the address cannot be had, as where another group has it, and on a system
    other than Linux if there are several workers.
    """
    if not 1 <= workers <= MAX_WORKERS:
        raise ValueError(f"there are 1 to {MAX_WORKERS} workers")
    if not LINUX and workers > 1:
        raise OSError(errno.ENOTSUP, "several workers on one port need Linux: use one")
    first = bind(address)
    sockets = [first]
    if workers == 1:
        return sockets
    try:
        address = Address(address.family, first.getsockname())
        # Only now: otherwise the kernel gave it the port of another group, too, and picked one
        # for port 0 that a group already has.
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        while len(sockets) < workers:
            sockets.append(bind(address, shared=True))
        _steer(first, workers)
    except OSError:
        for each in sockets:
            each.close()
        raise
    return sockets


def _steer(sock: socket.socket, workers: int) -> None:
    """Attach the program to the group of a socket.

    A datagram that is too short for a connection ID ends it at the load, with the result 0.
    """
    instructions = (
        (_LDB, 0, 0, 0),
        (_JSET, 0, 2, LONG_HEADER),
        (_LDB, 0, 0, _LONG_ID_AT),
        (_JA, 0, 0, 1),
        (_LDB, 0, 0, _SHORT_ID_AT),
        (_AND, 0, 0, WORKER_MASK),
        (_MOD, 0, 0, workers),
        (_RET, 0, 0, 0),
    )
    code = ctypes.create_string_buffer(b"".join(_INSTRUCTION.pack(*each) for each in instructions))
    program = _PROGRAM.pack(len(instructions), ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program)
