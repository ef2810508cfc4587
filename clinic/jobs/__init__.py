"""The clock: what is due, done once, one record at a time."""
