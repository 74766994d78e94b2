"""A container's life: `plan` it, `launch` it (monitor side), become it (`init`), talk to it (`client`)."""
