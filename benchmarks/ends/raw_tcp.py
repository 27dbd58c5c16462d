"""TCP without SMB: ``python -m benchmarks.ends.raw_tcp serve|read|write HOST PORT BYTES``.

A client moves so many bytes one way, is told that all have come, and prints its figures as JSON.
"""

import json
import socket
import sys
import time

BLOCK = bytes(1 << 18)
READ, WRITE = b"r", b"w"


def send(way: socket.socket, total: int) -> None:
    """So many zeros; returns when the other end has them."""
    for start in range(0, total, len(BLOCK)):
        way.sendall(BLOCK[: total - start])
    if not way.recv(1):
        raise ConnectionError("the other end left")


def receive(way: socket.socket, total: int) -> None:
    """So many bytes, and say that they are here."""
    buffer = bytearray(len(BLOCK))
    while total:
        got = way.recv_into(buffer, min(total, len(buffer)))
        if not got:
            raise ConnectionError("the other end left")
        total -= got
    way.sendall(b".")


def serve(host: str, port: int, total: int) -> None:
    """One client after the other."""
    with socket.create_server((host, port)) as listener:
        while True:
            way, _ = listener.accept()
            with way:
                if way.recv(1) == READ:
                    send(way, total)
                else:
                    receive(way, total)


def client(role: str, host: str, port: int, total: int) -> None:
    """See the module's docstring."""
    with socket.create_connection((host, port)) as way:
        started, cpu = time.monotonic(), time.process_time()
        way.sendall(READ if role == "read" else WRITE)
        if role == "read":
            receive(way, total)
        else:
            send(way, total)
        figures = {
            "bytes": total,
            "seconds": time.monotonic() - started,
            "client_cpu": time.process_time() - cpu,
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    role, host, port, total = sys.argv[1:]
    if role == "serve":
        serve(host, int(port), int(total))
    else:
        client(role, host, int(port), int(total))
