"""Sending into a running container: a command (`attach`, `child`), a function (`call`)."""
