"""A second look at two pictures: how the one was made from the other, by local features."""
