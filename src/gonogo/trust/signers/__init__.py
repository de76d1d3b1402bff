"""Signers, one file each; chosen by name through the catalogue."""
