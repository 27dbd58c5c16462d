"""The command line: one file per command group, no logic that a library user would miss."""
