"""Rows of the Python interface: starts, stops and attaches in one process that lives on.

Ours and python3-lxc are asked by the same program, once in a small process, once in one with 350 MB of heap, and once
in one whose other threads compute.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from bench.sides import Lxc, Side
from bench.timing import Failed, Row

PEER_PYTHON = "/usr/bin/python3"  # has python3-lxc
PROGRAM = """
import sys, threading, time
packages, path, name, setting = sys.argv[1:]
if packages: sys.path.insert(0, packages)
import lxc

def spin():
    while True: pass

heap = [bytes(1000) for _ in range(350_000)] if setting == "-heap" else []
if setting == "-busy":
    for _ in range(4): threading.Thread(target=spin, daemon=True).start()
container = lxc.Container(name, path)
verbs = {
    "start": lambda: container.start() and container.running,
    "attach": lambda: container.attach_wait(lxc.attach_run_command, ["/bin/true"]) == 0,
    "stop": container.stop,
}
for line in sys.stdin:
    begin = time.perf_counter()
    done = verbs[line.strip()]()
    print((time.perf_counter() - begin) * 1000 if done else line.strip() + " failed", flush=True)
"""
SETTINGS = ("", "-heap", "-busy")
ROWS = tuple(f"api-{verb}{setting}" for setting in SETTINGS for verb in ("start", "attach", "stop"))


class Caller:
    """A process that uses the interface when it is told to, and answers how long it took."""

    def __init__(self, side: Lxc, name: str, setting: str) -> None:
        ours = side.bin / "python"
        python, packages = (str(ours), "") if ours.exists() and side.key != "lxc" else (PEER_PYTHON, "")
        argv = [python, "-I", "-c", PROGRAM, packages, str(side.path), name, setting]
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=side.environment
        )

    def __enter__(self) -> Caller:
        return self

    def ms(self, verb: str) -> float:
        assert self.process.stdin
        assert self.process.stdout
        print(verb, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer or "failed" in answer:
            raise Failed(f"{' '.join(map(str, self.process.args[:1]))}: {answer.strip() or 'the interface ended'}")  # type: ignore[index]
        return float(answer)

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


@contextmanager
def interface(sides: list[Side]) -> Iterator[list[Row]]:
    able = [each for each in sides if isinstance(each, Lxc) and each.key != "cold"]
    with ExitStack() as stack:
        callers = {
            (each.key, setting): stack.enter_context(Caller(each, each.make(2 + i), setting))
            for each in able
            for i, setting in enumerate(SETTINGS)
        }
        yield [
            Row(
                f"api-{verb}{setting}",
                {each.key: partial(_sample, callers[each.key, setting], callers, verb) for each in able},
                True,
            )
            for setting in SETTINGS
            for verb in ("start", "attach", "stop")
        ]


def _sample(caller: Caller, callers: dict[tuple[str, str], Caller], verb: str) -> float:
    """Only the asked one runs: those with busy threads are stopped while others are measured."""
    for each in callers.values():
        os.kill(each.process.pid, 18 if each is caller else 19)  # SIGCONT, SIGSTOP
    return caller.ms(verb)
