"""Moves whole SMB messages over TCP or QUIC, without knowing what they mean."""
