"""From found to cleaned: moving accepted copies out of the way, so that each can come back.

report + decisions -> `plan` -> `checks` before each file -> `carrying_out`, which writes a
`journal` -> `undo`, which reads it.
"""
