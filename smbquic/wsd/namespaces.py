"""Names that WS-Discovery, WS-Addressing and the Devices Profile for Web Services give."""

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
PROFILE = "http://schemas.xmlsoap.org/ws/2006/02/devprof"
METADATA = "http://schemas.xmlsoap.org/ws/2004/09/mex"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
PUBLICATION = "http://schemas.microsoft.com/windows/pub/2005/07"

HELLO = f"{DISCOVERY}/Hello"
BYE = f"{DISCOVERY}/Bye"
PROBE = f"{DISCOVERY}/Probe"
PROBE_MATCHES = f"{DISCOVERY}/ProbeMatches"
RESOLVE = f"{DISCOVERY}/Resolve"
RESOLVE_MATCHES = f"{DISCOVERY}/ResolveMatches"
GET = f"{TRANSFER}/Get"
GET_RESPONSE = f"{TRANSFER}/GetResponse"

EVERYBODY = "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
ANONYMOUS = f"{ADDRESSING}/role/anonymous"

TYPES = frozenset({(PROFILE, "Device"), (PUBLICATION, "Computer")})
"""What a server is: a device, and a computer in the network of Windows."""
