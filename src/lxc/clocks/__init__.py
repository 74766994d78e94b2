"""Clocks that are shifted, time_namespaces(7): `plan` says by how much, `inside` makes the namespace."""
