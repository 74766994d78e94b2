"""Running hooks on the host's side."""

from __future__ import annotations

from lxc.hooks import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.hooks.plan import Hook
    from lxc.loop import Loop


def run(hooks: tuple[Hook, ...], loop: Loop | None = None) -> None:
    """Run them one after the other, with our environment and their own; `loop` is served meanwhile.

    Raises StepError at the first that fails; the others are not run then.
    """
    process.run(hooks, process.spawn, loop)
