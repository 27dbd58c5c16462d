"""The server: sessions, trees, opens, locks, and one handler per command."""
