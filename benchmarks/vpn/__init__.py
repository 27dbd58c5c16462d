"""VPNs between the two ends of a link."""
