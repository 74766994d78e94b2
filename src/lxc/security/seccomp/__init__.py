"""The filter of system calls: `policy` reads what is wanted, `compiler` makes the kernel's program of it."""
