"""Control groups: `plan` says where, `outside` makes, enters and removes them, `inside` gives the container its view."""
