"""What keeps one client, or many, from using up the server: limits, scheduling, slow peers."""
