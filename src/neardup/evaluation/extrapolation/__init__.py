"""From the pairs that were measured to collections far larger than them."""
