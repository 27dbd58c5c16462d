"""Who is it? SPNEGO with NTLMv2 inside: the acceptor, the initiator, and the user store."""
