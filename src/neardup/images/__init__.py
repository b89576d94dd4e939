"""From a file of any kind to the square that the encoder sees."""
