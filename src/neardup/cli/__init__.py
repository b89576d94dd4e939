"""The commands of ``neardup``, one a file; nothing heavy is imported until one runs."""
