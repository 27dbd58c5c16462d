"""TCP without SMB: ``python -m benchmarks.ends.raw_tcp serve|read|write|compete HOST PORT BYTES``.

A client moves so many bytes one way, is informed that all have arrived, and prints its figures as
JSON. One that competes says {"ready": true}, reads from its first line of standard input on until
the second one, and prints how many bytes have come. All with cubic.
"""

import contextlib
import json
import os
import selectors
import socket
import sys
import time

BLOCK = bytes(1 << 18)
READ, WRITE = b"r", b"w"
CUBIC = b"cubic"


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
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CUBIC)
        while True:
            way, _ = listener.accept()
            # A competitor leaves when it has seen enough.
            with way, contextlib.suppress(ConnectionError):
                if way.recv(1) == READ:
                    send(way, total)
                else:
                    receive(way, total)


def client(role: str, host: str, port: int, total: int) -> None:
    """See the module's docstring."""
    with socket.create_connection((host, port)) as way:
        way.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CUBIC)
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


def compete(host: str, port: int) -> None:
    """See the module's docstring."""
    buffer, count = bytearray(len(BLOCK)), 0
    with socket.create_connection((host, port)) as way, selectors.DefaultSelector() as selector:
        print(json.dumps({"ready": True}), flush=True)
        os.read(sys.stdin.fileno(), 1)
        way.sendall(READ)
        selector.register(way, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while not any(key.fileobj is sys.stdin for key, _ in selector.select()):
            got = way.recv_into(buffer)
            if not got:
                raise ConnectionError("the other end left")
            count += got
    print(json.dumps({"bytes": count}))


if __name__ == "__main__":
    role, host, port, total = sys.argv[1:]
    if role == "serve":
        serve(host, int(port), int(total))
    elif role == "compete":
        compete(host, int(port))
    else:
        client(role, host, int(port), int(total))
