"""The sections of ``--help`` that options are in."""

FILTERS = "Filters"
COMMON = "Common options"
CONNECTION = "Connection options"
TLS = "TLS options"
CERTIFICATE = "Certificate options"
PROTOCOL = "Protocol options"
WEB = "Web listener options"
