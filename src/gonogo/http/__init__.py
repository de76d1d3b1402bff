"""How programs and browsers ask: a read-only HTTP door to the operations, on loopback."""
