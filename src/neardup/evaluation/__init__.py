"""Measuring an encoder: `run.py` leads from a plan to a report."""
