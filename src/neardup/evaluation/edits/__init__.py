"""The named transformations that copies are made by; training has its own."""
