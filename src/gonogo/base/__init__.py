"""What everything stands on: digests, canonical JSON, atomic files, names, tables, the clock, the catalogue."""
