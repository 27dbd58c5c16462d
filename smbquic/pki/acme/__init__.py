"""A certificate from an ACME server, obtained and renewed while the server runs. [RFC 8555]

The package `acme` speaks the protocol, on a thread. It is an extra, and imported only by `network`
and `order`.
"""
