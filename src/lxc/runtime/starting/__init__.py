"""Having a container started: `start` decides and has a monitor made, `forked` or `in_place`; `fleet` and `series` many."""
