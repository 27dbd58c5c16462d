"""A share as a folder of this machine, by FUSE: extra `mount`."""
