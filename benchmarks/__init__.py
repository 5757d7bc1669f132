"""Measurements that print one JSON object and compare with a peer or a floor in the same run."""
