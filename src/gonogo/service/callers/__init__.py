"""Who may ask, and how often: API keys, roles, rates."""
