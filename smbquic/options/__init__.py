"""The options of the client and of the server, each declared once; see `smbquic.options.model`.

What is declared here costs little to import: neither an engine nor cryptography is needed to say
which options there are.
"""
