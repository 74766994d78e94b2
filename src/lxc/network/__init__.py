"""The container's network: `plan` decides, `inside` configures what init finds in its namespace."""
