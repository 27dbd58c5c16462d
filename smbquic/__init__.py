"""SMB 3.1.1 over QUIC: a server, a client and a gateway in user space."""
