"""Ids of the container's own, user_namespaces(7): `plan` says which, `outside` writes the maps, `inside` becomes root there."""
