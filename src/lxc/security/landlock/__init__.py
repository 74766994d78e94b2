"""Landlock: what the container's processes may do to files and ports.  `plan` decides, `inside` gives up the rest."""
