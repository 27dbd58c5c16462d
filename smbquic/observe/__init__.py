"""Observation of a running server or client: metrics, audit records, key logs."""
