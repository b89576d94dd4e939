"""All pairs of vectors within a distance: exactly, or by an inverted file."""
