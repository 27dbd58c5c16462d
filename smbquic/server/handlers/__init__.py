"""One file per command. A handler takes a `Context` and a request and gives the response body."""
