"""Scanning on a cluster: Ray Data embeds, Lance holds the vectors, Ray tasks join them by cells.

Needs the extra ``neardup[ray]``. The decoding, the accounting and the groups are those of a scan on
one machine.
"""
