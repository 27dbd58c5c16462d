"""What can be seen of a running server or client from outside: metrics, audit records, key logs."""
