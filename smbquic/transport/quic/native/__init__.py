"""The engine native: QUIC in Rust, an extension module of this project."""
