"""What a share stands on: the `Storage` protocol and its implementations.

`base` holds the contract, `local` serves a folder of this machine's disk. Everything here speaks
in names, offsets and bytes and raises `OSError`; what becomes of an error on the wire is not
known here.
"""
