"""Between SMB over QUIC and SMB over TCP, for the side that speaks only one of them."""
