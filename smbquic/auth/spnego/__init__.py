"""SPNEGO: the two ends agree on a mechanism, which then authenticates. [RFC4178], [MS-SPNG]"""
