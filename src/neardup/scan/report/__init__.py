"""Showing what a scan found: a page to look through, and tables for programs."""
