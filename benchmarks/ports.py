"""The ports that the programs at the server's end listen on, where they do not choose one."""

QUIC_PORT, TCP_PORT = 443, 445
VPN_PORT = 51820
COMPETITOR_PORT = 5445
