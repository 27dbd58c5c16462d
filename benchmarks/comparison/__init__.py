"""The comparison: the same file work over QUIC, TCP and VPNs on the same emulated links."""
