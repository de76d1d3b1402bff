"""What can be done: one file a verb. The doors call these; these put the rooms together and hand implementations to Protocols."""
