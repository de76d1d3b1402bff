"""Stores: one file each, found through the catalogue."""
