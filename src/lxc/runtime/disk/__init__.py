"""Containers as they lie on disk: made, copied, renamed, saved and removed, with their snapshots."""
