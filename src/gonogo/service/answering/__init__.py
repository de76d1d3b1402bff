"""From an exchange to its answer: which arm, which release, batches of one turn of the loop, the model, shadow and forwarding."""
