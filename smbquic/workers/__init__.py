"""Worker processes: QUIC on several processor cores for one server or gateway.

A worker process has sockets of the same UDP ports as the others. It terminates QUIC and TLS, and
hands the messages of each connection over to the main process through a Unix socket, where they
come from a `MessageTransport` like any other. The main process has everything else: the server or
gateway with all its limits, logons and audit records. Linux only. docs/decisions/0051-workers.md
"""
