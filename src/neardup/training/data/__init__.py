"""From a folder or from formulas to batches of pairs."""
