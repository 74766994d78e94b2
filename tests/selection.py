"""Which tests are run here: those whose needs this machine has. The last lines say what was left, and for whom.

With --sample N, a test that is made for many examples is run with the first N of them, unless it needs what few machines have: a slow
machine then runs every test, on some of its examples. With --rare, only those are run that need what few machines have.
With LXC_TESTS_RECORD=FILE, each test is written there with what became of it (`tests/vm/summary.py` adds up several machines).
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from tests import machine

_left: dict[str, tuple[bool, list[str]]] = {}  # by test: whether `make vm-test` runs it, and what is missing here
_ran: dict[str, str] = {}  # by test: passed, failed, skipped


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sample", type=int, metavar="N", help="of each test run the first N of its examples")
    parser.addoption(
        "--rare", action="store_true", help="run what needs AppArmor, CRIU … (tests/machine.py), and nothing else"
    )


def pytest_configure(config: pytest.Config) -> None:
    for name, need in machine.NEEDS.items():
        says = need.says if need.says.startswith(f"{name}(") else f"{name}: {need.says}"
        config.addinivalue_line("markers", says)


@pytest.hookimpl(trylast=True)  # after -m and -k: what was not asked for is not left to anybody
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("rare"):
        config.hook.pytest_deselected(items=[item for item in items if not machine.is_rare(item)])
        items[:] = filter(machine.is_rare, items)
    lacking = {item: machine.missing(item) for item in items}
    _left.update({item.nodeid: (machine.in_vm(item), needs) for item, needs in lacking.items() if needs})
    config.hook.pytest_deselected(items=[item for item, needs in lacking.items() if needs])
    here = [item for item, needs in lacking.items() if not needs]
    items[:] = _sample(here, least) if (least := config.getoption("sample")) else here


def _sample(items: list[pytest.Item], least: int) -> list[pytest.Item]:
    """The first `least` examples of each test, and all of those that are run on few machines."""
    seen: Counter[str] = Counter()
    taken = []
    for item in items:
        test = item.nodeid.partition("[")[0]
        seen[test] += 1
        if seen[test] <= least or machine.is_rare(item):
            taken.append(item)
    return taken


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of xdist tells what it left."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left"] = _left


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _left.update(getattr(node, "workeroutput", {}).get("left", {}))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    worst = ["passed", "skipped", "failed"]
    _ran[report.nodeid] = max(_ran.get(report.nodeid, "passed"), report.outcome, key=worst.index)
    if report.failed and "LXC_TESTS_IN_VM" in os.environ and "PYTEST_XDIST_WORKER" not in os.environ:
        # A machine that hangs later must not take it along.
        print(f"\n{report.when} of {report.nodeid}: {report.longreprtext}\n", flush=True)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if "LXC_TESTS_IN_VM" not in os.environ:
        for text in _summary():
            terminalreporter.write_line(text)
    if record := os.environ.get("LXC_TESTS_RECORD"):
        os.makedirs(os.path.dirname(record), exist_ok=True)
        with open(record, "w") as file:
            file.writelines(f"{outcome} {test}\n" for test, outcome in _ran.items())
            file.writelines(f"left:{'+'.join(needs).replace(' ', '')} {test}\n" for test, (_, needs) in _left.items())


def _summary() -> list[str]:
    """In a line each: what is left to root or the virtual machine, and what neither can run."""
    to_vm = [" and ".join(needs) for in_vm, needs in _left.values() if in_vm]
    nowhere = [f"  {test}: {', '.join(needs)}" for test, (in_vm, needs) in sorted(_left.items()) if not in_vm]
    lines = []
    if to_vm:
        counted = ", ".join(f"{count} {needs}" for needs, count in Counter(to_vm).most_common())
        lines.append(f"left to `make vm-test`: {len(to_vm)} tests ({counted})")
    if nowhere:
        lines += [f"not run here, nor by `make vm-test`: {len(nowhere)} tests", *nowhere]
    return lines
