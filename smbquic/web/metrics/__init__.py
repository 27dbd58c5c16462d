"""The metrics of a server or a gateway for Prometheus."""
