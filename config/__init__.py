"""Settings as frozen dataclasses, their loader, and logging."""
