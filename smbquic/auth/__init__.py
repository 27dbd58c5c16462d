"""Authentication: SPNEGO with NTLMv2 inside, at both ends, and the store of users."""
