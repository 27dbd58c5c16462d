"""The status page: what a server or a gateway does now, and what an administrator can do about it.

`routes` gives the page itself, and its data as JSON to who has the token.
"""
