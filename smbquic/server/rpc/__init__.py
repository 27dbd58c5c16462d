"""Named pipes of IPC$ and the RPC services behind them."""
