"""What tests of dumps share: a host with a network of its own."""

from tests.lab import lab as lab
