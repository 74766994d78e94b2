"""What a configuration may do but should not: one row per rule, in a file per kind.

`lxc.config.lint` applies them.  A row is a name, a severity, why it is bad, what
to do about it, and the function that looks.
"""
