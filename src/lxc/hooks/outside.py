"""Running hooks on the host's side."""

from __future__ import annotations

import os

from lxc import log
from lxc.errors import StepError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxc.hooks.plan import Hook

_MOST_OUTPUT = 40950  # bytes that are read; a hook that says more gets SIGPIPE


def run(hooks: Iterable[Hook]) -> None:
    """Run them one after the other.  Raises StepError at the first that fails; the others are not run then."""
    import subprocess

    for hook in hooks:
        log.info(str(hook))
        process = subprocess.Popen(
            ["/bin/sh", "-c", hook.script],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **dict(hook.environment)},
        )
        with process:
            assert process.stdout is not None
            output = process.stdout.read(_MOST_OUTPUT).decode(errors="replace")
        if output:
            log.debug(f"the {hook.kind} hook {hook.command} said: {output.rstrip()}")
        if process.returncode:
            code = process.returncode
            why = f"it was killed by signal {-code}" if code < 0 else f"it ended with status {code}"
            said = output.rstrip().splitlines()
            raise StepError(str(hook), why, hint=f"it said: {said[-1]}" if said else "")
