"""Checkpoints of a container, as LXC's C interface has them; python3-lxc has none."""

from __future__ import annotations

import os

from lxc.api import attempt
from lxc.api.definition import Definition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike

MIGRATE_PRE_DUMP, MIGRATE_DUMP, MIGRATE_RESTORE, MIGRATE_FEATURE_CHECK = range(4)
FEATURE_MEM_TRACK, FEATURE_LAZY_PAGES = 1, 2
_FEATURES = {FEATURE_MEM_TRACK: "mem_dirty_track", FEATURE_LAZY_PAGES: "uffd-noncoop"}


class Checkpoints(Definition):
    """What makes files of a running container, and a running container of files."""

    def checkpoint(self, directory: str | PathLike[str], stop: bool = False, verbose: bool = False) -> bool:
        """Dump it to `directory`, which is made, and end it if it is to `stop`.  `verbose` has CRIU log all it does."""
        return self.migrate(MIGRATE_DUMP, directory, stop=stop, verbose=verbose) == 0

    def restore(self, directory: str | PathLike[str], verbose: bool = False) -> bool:
        """Have it go on from where it was dumped to `directory`."""
        return self.migrate(MIGRATE_RESTORE, directory, verbose=verbose) == 0

    def migrate(
        self,
        cmd: int,
        directory: str | PathLike[str] = "",
        *,
        verbose: bool = False,
        stop: bool = False,
        predump_dir: str = "",
        pageserver_address: str = "",
        pageserver_port: str = "",
        preserves_inodes: bool = False,
        action_script: str = "",
        disable_skip_in_flight: bool = False,
        ghost_limit: int = 0,
        features_to_check: int = 0,
    ) -> int:
        """Do MIGRATE_PRE_DUMP, _DUMP or _RESTORE: 0, or -1 if it did not succeed.

        MIGRATE_FEATURE_CHECK gives those bits of `features_to_check` (FEATURE_…) that CRIU has on this host.
        `predump_dir` is relative to `directory`, `ghost_limit` in bytes; the page server takes the memory instead of
        files.
        """
        attempt.number(cmd)
        if cmd not in range(4):
            raise ValueError(f"unknown command {cmd}")
        attempt.texts(predump_dir, pageserver_address, pageserver_port, action_script)
        path = os.path.abspath(attempt.name(directory))
        with self._doing:
            from lxc.checkpoint.plan import Images, Wish
            from lxc.runtime import checkpoint, spawn
            from lxc.runtime.starting.start import Order

            if cmd == MIGRATE_FEATURE_CHECK:
                return spawn.call(
                    checkpoint.features, {bit: name for bit, name in _FEATURES.items() if bit & features_to_check}
                )
            images = Images(path, verbose, action_script)
            if cmd == MIGRATE_RESTORE:
                spawn.call(checkpoint.restore, Order(self._place, self.config), images)
                return 0
            wish = Wish(
                cmd == MIGRATE_PRE_DUMP,
                stop,
                predump_dir,
                (pageserver_address, pageserver_port),
                preserves_inodes,
                disable_skip_in_flight,
                ghost_limit,
            )
            spawn.call(checkpoint.dump, self._place, self.config, images, wish)
            return 0
        return -1
