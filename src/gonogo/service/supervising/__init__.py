"""The process above the workers: starts, watches and replaces them, hands traffic over, sums up, and is told what to do."""
