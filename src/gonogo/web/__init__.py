"""What a person looks at: the eight pages of the dashboard, which follow a running service, and `gonogo status` as one file."""
