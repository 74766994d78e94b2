"""The user's own commands at the turns of a container's life: which, with what environment, and run on which side."""
