"""Limits and kernel parameters: `plan` decides, `outside` sets what concerns init as a process, `inside` what its namespaces own."""
