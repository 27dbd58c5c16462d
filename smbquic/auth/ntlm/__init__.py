"""NTLMv2: the mechanism that proves the knowledge of a password. [MS-NLMP]"""
