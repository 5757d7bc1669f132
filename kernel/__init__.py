"""A closed list of what every package may use: ids, errors, clock, log_context. Imports nothing of ours."""
