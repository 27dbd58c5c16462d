"""The structures of MS-DTYP: times, security identifiers, access control lists."""
