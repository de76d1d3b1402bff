"""Who said it: Ed25519 keys, signers, and envelopes that notice every changed byte."""
