"""Measuring an encoder: `run.py` leads from a dataset to a report."""
