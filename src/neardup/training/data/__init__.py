"""From files or formulas to batches of views."""
