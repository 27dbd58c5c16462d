"""The asynchronous client: connection, session, share, file, and what moves whole files."""
