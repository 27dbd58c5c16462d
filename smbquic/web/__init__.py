"""The web listener of a server or a gateway: metrics and health checks. It needs the extra `web`.

Only the modules that `smbquic.web.listener` imports use the libraries of that extra.
"""
