"""What became of predictions: labels that come late, joined to what was predicted by the prediction's id, and counted."""
