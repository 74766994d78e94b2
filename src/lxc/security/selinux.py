"""SELinux: whether it is at work.  Taking a context is `security.inside`'s; what contexts there are is the policy's."""

from __future__ import annotations

import os


def is_enabled() -> bool:
    """Whether the kernel has it, and a policy was loaded: without one, contexts are just a word, as `kernel`."""
    if not os.path.exists("/sys/fs/selinux/enforce"):
        return False
    with open("/proc/self/attr/current", "rb") as file:
        return b":" in file.read()
