"""Training an encoder: `run.py` leads from a configuration to a bundle."""
