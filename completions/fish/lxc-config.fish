complete -c lxc-config -f
complete -c lxc-config -n __fish_is_first_arg -a 'lxc.default_config lxc.lxcpath lxc.bdev.lvm.vg lxc.bdev.lvm.thin_pool lxc.bdev.zfs.root lxc.cgroup.use lxc.cgroup.pattern'
complete -c lxc-config -s l -l list -d 'List the names of all settings.'
complete -c lxc-config -l format -x -a 'text json' -d 'Print as text (default), or as JSON for programs.'
complete -c lxc-config -s h -l help -d 'Print this help.'
complete -c lxc-config -l usage -d 'Print all options on a few lines.'
complete -c lxc-config -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-config -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
