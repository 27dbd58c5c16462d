"""Open files: who has what open, how it is shared, locked, cached and reclaimed."""
