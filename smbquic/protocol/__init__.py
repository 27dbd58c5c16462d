"""The SMB connection without I/O: what both ends say, check and remember.

Time and randomness are passed in, so that all of it runs in a test with a simulated clock and no
socket.
"""
