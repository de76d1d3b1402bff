"""What must be true: gonogo.yaml, packs of items, and requirements as words."""
