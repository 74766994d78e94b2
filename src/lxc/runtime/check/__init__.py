"""Looking at a host before anything is started: for lxc-check (`survey`) and lxc-checkconfig (`features`, `user`)."""
