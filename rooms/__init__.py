"""The live consultation room as a state machine: no library, no I/O."""
