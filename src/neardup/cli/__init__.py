"""The `neardup` command; one file for each of its commands."""
