"""The functions that a program calls: `connect` to a share, `serve` some, `relay` connections.

Here transports, protocol, client and server are put together; nothing else does that. There is a
module for each of them, so that a client need not import the server.
"""
