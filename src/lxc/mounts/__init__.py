"""What the container sees as its file system: `plan` decides, `inside` mounts and enters it."""
