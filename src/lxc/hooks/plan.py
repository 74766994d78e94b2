"""Which hooks are run, as which command, with which environment."""

from __future__ import annotations

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Hook(Record):
    """A command line for sh(1), run because of `kind` ("destroy"), with `environment` added to ours."""

    kind: str
    command: str
    script: str
    environment: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"run the {self.kind} hook {self.command}"


def hooks(
    kind: str,
    commands: Iterable[str],
    name: str,
    version: int,
    environment: Mapping[str, str],
    extra: tuple[str, ...] = (),
) -> tuple[Hook, ...]:
    """The hooks of `kind` of the container `name`: lxc.hook.version 0 tells them in arguments what they are, 1 in
    variables.  `extra` are more arguments, as they are.
    """
    told = {**environment, "LXC_NAME": name, "LXC_HOOK_VERSION": str(version)}
    arguments = [*extra]
    if version == 0:
        arguments = [*map(quoted, (name, "lxc", kind)), *extra]
    else:
        told |= {"LXC_HOOK_TYPE": kind, "LXC_HOOK_SECTION": "lxc"}
    return tuple(
        Hook(kind, command, " ".join(("exec", command, *arguments)), tuple(told.items())) for command in commands
    )


def quoted(word: str) -> str:
    """`word` as one word of a shell command line."""
    return "'" + word.replace("'", "'\\''") + "'"
