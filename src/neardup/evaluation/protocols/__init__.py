"""What is compared with what, and which pairs are duplicates."""
