"""What lxc-info prints of what it found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from lxc.cgroups.statistics import Usage
from lxc.cli import info, main
from lxc.cli.info import Facts, InfoArguments, Network, as_json, humanized
from lxc.cli.parser import parse

FACTS = Facts(
    name="web",
    state="RUNNING",
    pid=42,
    ips=("10.0.3.2", "fd00::2"),
    usage=Usage(cpu_ns=1_234_567_890, io_bytes=1025, memory_bytes=5 << 20, kernel_bytes=100),
    networks=(Network("veth1", 2048, 1), Network("br0", None, None)),
)
ALL = """\
Name:           web
State:          RUNNING
PID:            42
IP:             10.0.3.2
IP:             fd00::2
CPU use:        1.23 seconds
BlkIO use:      1.00 KiB
Memory use:     5.00 MiB
KMem use:       100 bytes
Link:           veth1
 TX bytes:      2.00 KiB
 RX bytes:      1 bytes
 Total bytes:   2.00 KiB
Link:           br0
 Total bytes:   0 bytes
"""


def arguments(*words: str) -> InfoArguments:
    found = parse(info.COMMAND, [*words, "web"])
    assert isinstance(found, InfoArguments)
    return found


def text(facts: Facts, *words: str) -> str:
    return "".join(f"{line}\n" for line in info.text(arguments(*words), facts))


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 bytes"),
        (1024, "1024 bytes"),
        (1025, "1.00 KiB"),
        (1536, "1.50 KiB"),
        (1 << 20, "1024.00 KiB"),
        ((1 << 20) + 1, "1.00 MiB"),
        (1_572_864, "1.50 MiB"),
        (1 << 30, "1024.00 MiB"),
        ((1 << 30) + 1, "1.00 GiB"),
        (5 * (1 << 30) + (1 << 29), "5.50 GiB"),
    ],
)
def test_sizes_have_the_largest_unit_that_they_exceed(size: int, shown: str) -> None:
    assert humanized(size) == shown


def test_without_options_everything_is_printed() -> None:
    assert text(FACTS) == ALL


def test_plain_numbers_are_not_rounded() -> None:
    assert "CPU use:        1234567890\nBlkIO use:      1025\nMemory use:     5242880\n" in text(FACTS, "-H")


@pytest.mark.parametrize(
    ("words", "facts", "shown"),
    [
        (("-s",), Facts(state="FROZEN"), "State:          FROZEN\n"),
        (("-sH",), Facts(state="FROZEN"), "FROZEN\n"),
        (("-pH",), Facts(pid=7), "7\n"),
        (("-iH",), Facts(ips=("1.2.3.4", "::1")), "1.2.3.4\n::1\n"),
        (("-spH",), Facts(state="RUNNING", pid=7), "State:          RUNNING\nPID:            7\n"),
        (("-sSH",), Facts(state="RUNNING"), "State:          RUNNING\n"),
        (("-p",), Facts(), ""),
        (("-c", "a"), Facts(config=(("a", "1"),)), "a = 1\n"),
        (("-c", "a"), Facts(config=(("a", ""),)), "a =\n"),
        (("-c", "a", "-c", "b"), Facts(config=(("a", "1"), ("b", None))), "a = 1\n"),
        (("-c", "a", "-H"), Facts(config=(("a", "1\n2\n"),)), "1\n2\n\n"),
        (("-c", "a", "-c", "b", "-H"), Facts(config=(("a", "1"), ("b", "2"))), "a = 1\nb = 2\n"),
        (("-sH", "-c", "a"), Facts(state="STOPPED", config=(("a", "1"),)), "STOPPED\n1\n"),
    ],
)
def test_a_single_value_loses_its_label_if_asked(words: tuple[str, ...], facts: Facts, shown: str) -> None:
    assert text(facts, *words) == shown


def test_json_has_the_fields_that_were_asked_for() -> None:
    assert as_json(arguments("-pi"), Facts(pid=42, ips=("::1",))) == {"pid": 42, "ips": ["::1"]}
    assert as_json(arguments("-p"), Facts()) == {"pid": None}
    assert as_json(arguments("-c", "a", "-c", "b"), Facts(config=(("a", "1"), ("b", None)))) == {
        "config": {"a": "1", "b": None}
    }


def test_json_has_plain_numbers() -> None:
    fields = as_json(arguments(), FACTS)
    assert list(fields)[:4] == ["name", "state", "pid", "ips"]
    assert fields["cpu_ns"] == 1_234_567_890
    assert fields["networks"] == [
        {"link": "veth1", "tx_bytes": 2048, "rx_bytes": 1},
        {"link": "br0", "tx_bytes": None, "rx_bytes": None},
    ]


def test_a_container_that_does_not_exist_is_said_even_quietly(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main("lxc-info", ["-q", "-P", str(tmp_path), "web"]) == 1
    assert capfd.readouterr() == ("", "web doesn't exist\n")


def test_a_setting_that_does_not_exist_is_no_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/config").write_text("lxc.uts.name = w\n")
    assert main("lxc-info", ["-P", str(tmp_path), "web", "-c", "lxc.nope", "-c", "lxc.uts.name"]) == 0
    assert capfd.readouterr() == ("lxc.uts.name = w\n", "lxc.nope invalid\n")


def test_a_wrong_configuration_is_named_with_its_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/config").write_text("lxc.nope = w\n")
    assert main("lxc-info", ["-P", str(tmp_path), "web"]) == 1
    assert f"{tmp_path}/web/config:1" in capfd.readouterr().err
