"""Where it lives: an append-only, hash-chained log of events; releases and pointers are a fold over it."""
