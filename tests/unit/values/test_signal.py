import signal as python

import pytest

from lxc.values import signal


@pytest.mark.parametrize(
    ("text", "number"),
    [("9", 9), ("0", 0), ("0x10", 16), ("SIGTERM", 15), ("sigpwr", 30), ("SIGIOT", 6), ("SIGRTMIN+4", 38),
     ("sigrtmax-3", 61), ("SIGRTMIN+0", 34), ("64", 64)],
)  # fmt: skip
def test_signals_have_numbers_and_names(text: str, number: int) -> None:
    assert signal.parse(text) == number


def test_names_are_this_kernels() -> None:
    ours = {f"SIG{name}": number for name, number in signal.NAMES.items()}
    assert ours == {name: number for name, number in ours.items() if getattr(python, name, number) == number}
    assert (signal.RTMIN, signal.RTMAX) == (python.SIGRTMIN, python.SIGRTMAX)


@pytest.mark.parametrize(
    "text", ["PWR", "-1", "SIGFOO", "SIGRTMIN", "SIGRTMIN+31", "SIGRTMAX-", "9x", "", "65", "2147483648"]
)
def test_what_is_no_signal_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="expected a"):
        signal.parse(text)


def test_a_forgotten_sig_is_offered() -> None:
    with pytest.raises(ValueError, match=r"did you mean SIGPWR\?"):
        signal.parse("PWR")
