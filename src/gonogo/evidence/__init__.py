"""What was measured: checks ask for inputs by name and give facts; the facts are kept with the digests of everything they came from."""
