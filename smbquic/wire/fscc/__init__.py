"""The structures of MS-FSCC: what is asked of and set on files, folders and volumes."""
