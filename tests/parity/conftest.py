"""What parity tests share."""

from tests.lab import lab as lab
