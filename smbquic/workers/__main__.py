"""The program of a worker process: ``python -m smbquic.workers DESCRIPTOR``.

The main process starts it, with the descriptor of its control connection. Nobody else can use it.
"""

import asyncio
import gc
import signal
import socket
import sys

import uvloop

from smbquic.workers import worker


def main() -> None:
    """Run a worker. The main process says when it ends, and signals are for the main process."""
    # Ctrl-C is for all processes of a terminal, and systemd stops all processes of a service. The
    # main process lets clients finish first, for which it needs its workers.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    control = socket.socket(fileno=int(sys.argv[1]))
    gc.freeze()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(worker.run(control))


if __name__ == "__main__":
    main()
