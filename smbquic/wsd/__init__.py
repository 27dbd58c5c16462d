"""WS-Discovery of a server on its local network, for Windows' Explorer.

Version 2005/04 over UDP, and the metadata of the Devices Profile for Web Services over HTTP.
"""
