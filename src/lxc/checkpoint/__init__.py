"""Checkpoints: a container's processes written to files and made of them again, by CRIU."""
