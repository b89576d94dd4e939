"""Measuring how well distances separate duplicates from other pictures (numpy, no torch)."""
