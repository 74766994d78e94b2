"""Changing a container that runs: its mounts (`injection`), devices (`nodes`, `interfaces`) and limits (`cgroup_files`)."""
