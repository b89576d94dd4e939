"""Evaluating an encoder: `run.py` leads from the configuration to the report."""
