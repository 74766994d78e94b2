"""What the container may do: `plan` decides, `inside` gives up the rest."""
