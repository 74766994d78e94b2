import pytest

from lxc.values import size


@pytest.mark.parametrize(
    ("text", "value"),
    [("auto", 131072), ("0", 4096), ("1", 4096), ("4096", 4096), ("5000", 8192), ("3 KB", 4096), ("12kb", 16384),
     ("1MB", 1 << 20), ("2Gb", 2 << 30), ("0x2000", 8192)],
)  # fmt: skip
def test_buffers_are_a_power_of_two_of_at_least_a_page(text: str, value: int) -> None:
    assert size.buffer(text) == value


@pytest.mark.parametrize("text", ["12K", "12B", "12G"])
def test_a_single_letter_changes_nothing(text: str) -> None:
    assert size.buffer(text) == 4096


@pytest.mark.parametrize(
    "text",
    ["-1", "x", "1TB", "1KK", "1BM", "1KiB", "1.5MB", "KB", "1 2", "99999999999999999999GB", "9000000000000000000KB"],
)
def test_what_is_no_size_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        size.buffer(text)


def test_a_tmpfs_size_that_is_no_number_is_the_usual_one() -> None:
    assert [size.tmpfs(text) for text in ("4096", "1M", "-5")] == [4096, 500000, 500000]


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5 << 20), ("5B", 5), ("5k", 5 << 10), ("0x10M", 16 << 20), ("2G", 2 << 30), ("1t", 1 << 40)],
)
def test_a_disks_size_is_in_mebibytes_or_what_its_letter_says(text: str, value: int) -> None:
    assert size.disk(text) == value


@pytest.mark.parametrize("text", ["", "M", "0", "-1", "1.5G", "5MB", "5 E", "99999999T"])
def test_what_is_no_disks_size_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="expected a size"):
        size.disk(text)
