"""Which privileges the container's init gives up.  Pure."""

from __future__ import annotations

from lxc.record import Record
from lxc.security.landlock.plan import Landlock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.security.apparmor.plan import Profile


class Filter(Record):
    """Which system calls the container may make, as the kernel takes it."""

    path: str = ""  # of the policy
    rules: int = 0
    code: str = ""  # BPF instructions of 8 bytes, in hexadecimal; "" is no filter
    where: str = ""
    is_supervised: bool = False  # another program decides on some of the calls

    def __str__(self) -> str:
        size = len(self.code) // 16
        return f"filter system calls as {self.path} says # {self.rules} rules, {size} instructions" if self.code else ""


class Supervision(Record):
    """Who decides on the calls that the filter notifies of."""

    proxy: str = ""  # unix:/path, unix:@name, python:module:function; "": whoever asks the monitor for the listener
    cookie: str = ""
    where: str = ""

    @property
    def functions(self) -> str:
        """module:function of the Python handlers; "" if they are none."""
        return self.proxy.removeprefix("python:") if self.proxy.startswith("python:") else ""

    def __str__(self) -> str:
        return f"ask {self.proxy or 'whoever takes the listener'} about the calls it notifies of"


class KeyringLabel(Record):
    """The SELinux context of the session keyring."""

    name: str
    where: str = ""

    def __str__(self) -> str:
        return f"have the session keyring made with the SELinux context {self.name}"


class Label(Record):
    """Of a security module, taken when the container's first program is executed."""

    module: str = ""  # "apparmor", "selinux"
    name: str = ""  # "": the starter's
    keyring: KeyringLabel | None = None  # SELinux's only
    profile: Profile | None = None  # to be loaded for it, AppArmor's only
    where: str = ""

    def __str__(self) -> str:
        return f"take the {_TAKEN[self.module]} {self.name}" if self.name else ""


_TAKEN = {"apparmor": "AppArmor label", "selinux": "SELinux context"}


class SecurityPlan(Record):
    dropped: tuple[int, ...] = ()  # capabilities that leave the bounding set, by number
    names: tuple[str, ...] = ()  # how they are called: the place in it is the number
    no_new_privs: bool = False
    new_keyring: bool = True
    where: str = ""
    filter: Filter = Filter()
    supervision: Supervision = Supervision()
    label: Label = Label()
    landlock: Landlock = Landlock()

    def keeps(self, capability: int) -> bool:
        return capability not in self.dropped

    def __str__(self) -> str:
        lines = (
            str(self.label.keyring) if self.label.keyring and self.new_keyring else "",
            f"drop capabilities {' '.join(map(self._name, self.dropped))}" if self.dropped else "",
            str(self.label),
            "set no_new_privs" if self.no_new_privs else "",
            str(self.landlock),
            str(self.filter),
            str(self.supervision) if self.filter.is_supervised else "",
        )
        return "\n".join(filter(None, lines))

    def _name(self, number: int) -> str:
        return self.names[number] if number < len(self.names) else str(number)


def bounding(drop: tuple[int, ...], keep: tuple[int, ...] | None, last: int) -> tuple[int, ...]:
    """The capabilities to drop of those that the kernel has, 0 to `last`: `drop`, or all but `keep` (None: not used)."""
    if keep is not None:
        return tuple(number for number in range(last + 1) if number not in keep)
    return tuple(sorted(set(drop) & set(range(last + 1))))
