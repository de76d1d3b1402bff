"""What comes in and goes out: connections, HTTP, TLS, compression, trace context; one exchange for the own server and for ASGI alike."""
