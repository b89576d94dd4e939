"""Training an encoder. Nothing outside this package imports it."""
