"""Which one: what a training run leaves behind, and the list of all runs."""
