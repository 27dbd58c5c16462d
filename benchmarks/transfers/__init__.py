"""Whole transfers by programs: smbquic, smbclient and rclone, from one server."""
