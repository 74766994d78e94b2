"""Terminals: the container's devpts, its console and its ttys.

`plan` decides, `inside` mounts and binds (in init), `outside` opens what the
host has and serves the console (in the monitor).
"""
