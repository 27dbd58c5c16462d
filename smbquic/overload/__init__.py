"""Protection against overload by one client or many: limits, scheduling, slow peers."""
