"""A container's root file system: `plan` what and how, `outside` attaches, makes and removes, `inside` mounts.

What differs between the kinds of storage is in one module each (`dir`, `overlay`, `loop` …), all with the same
functions, see `backend`.
"""
