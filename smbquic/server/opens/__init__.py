"""Open files: share modes, locks, caching by clients, and how a client reclaims its opens."""
