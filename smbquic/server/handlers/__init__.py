"""The handlers of all commands, one file each. See `smbquic.server.outcome`."""
