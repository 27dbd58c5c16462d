"""Moves whole SMB messages over TCP or QUIC; knows nothing of what they say."""
