"""Which privileges the container's init gives up.  Pure."""

from __future__ import annotations

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class SecurityPlan(Record):
    dropped: tuple[int, ...] = ()  # capabilities that leave the bounding set, by number
    names: Mapping[int, str] = {}  # never changed; how the numbers are called
    no_new_privs: bool = False
    new_keyring: bool = True
    where: str = ""

    def keeps(self, capability: int) -> bool:
        return capability not in self.dropped

    def __str__(self) -> str:
        lines = []
        if self.new_keyring:
            lines.append("keyctl session")
        if self.dropped:
            lines.append(
                "drop capabilities " + " ".join(self.names.get(number, str(number)) for number in self.dropped)
            )
        if self.no_new_privs:
            lines.append("set no_new_privs")
        return "\n".join(lines)


def plan(
    drop: tuple[str, ...], keep: tuple[str, ...] | None, numbers: Mapping[str, int], last: int, *, where: str = ""
) -> SecurityPlan:
    """The plan that drops `drop`, or all but `keep` (None: keep is not used), of the capabilities 0 to `last`.

    `numbers` says how capabilities are called; a name that is a number stands for itself.
    """
    names = {number: name for name, number in numbers.items()}
    if keep is not None:
        kept = {_number(name, numbers) for name in keep if name != "none"}
        dropped = tuple(number for number in range(last + 1) if number not in kept)
    else:
        dropped = tuple(sorted({_number(name, numbers) for name in drop} & set(range(last + 1))))
    return SecurityPlan(dropped, names, where=where)


def _number(name: str, numbers: Mapping[str, int]) -> int:
    return int(name) if name.isdecimal() else numbers[name]
