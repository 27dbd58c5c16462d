"""A soak: one server under mixed clients for an hour; whether it stays as it was."""
