"""Finding the near-duplicates of whole folders: `pipeline` runs the other files in turn.

files -> contents (exact copies) -> embedding (through a pool of decoding processes) -> search
-> groups -> result, with everything computed so far in a cache that survives being killed.
"""
