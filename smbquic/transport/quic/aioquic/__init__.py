"""The engine aioquic: QUIC in Python."""
