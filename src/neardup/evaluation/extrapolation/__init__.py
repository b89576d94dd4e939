"""From the pairs that were scored to collections far larger than them."""
