"""A believable clinic to try things in; never present in a real installation."""
