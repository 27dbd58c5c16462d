"""The cryptography of SMB 2 and 3: key derivation, signatures, encryption, preauthentication hash.

Nothing here does I/O, asks for the time or draws random numbers: nonces are arguments.
"""
