"""A container's life, in its monitor (`monitor`, `launch`, `server`, `rest`) and its first process (`init`)."""
