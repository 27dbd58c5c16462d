"""The cryptography of SMB 2 and 3: key derivation, signing, sealing, preauthentication integrity.

Nothing here does I/O, asks for the time or draws random numbers: nonces are arguments.
"""
