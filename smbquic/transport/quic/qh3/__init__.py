"""The engine qh3: QUIC in Rust, behind a library in Python."""
