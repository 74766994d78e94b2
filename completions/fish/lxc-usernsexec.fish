complete -c lxc-usernsexec -f
complete -c lxc-usernsexec -s m -l map -x -d 'Ids that it has: u:FIRST-INSIDE:FIRST-ON-THE-HOST:COUNT for users, g:… for groups, b:… for both (default: what /etc/subuid and /etc/subgid give to us, from 0 on).'
complete -c lxc-usernsexec -s s -l share -d 'Map our own ids, too, to the first that are free.'
complete -c lxc-usernsexec -s u -l uid -x -d 'Run the command as user UID, seen there (default: 0).'
complete -c lxc-usernsexec -s g -l gid -x -d 'Run the command as group GID, seen there (default: 0).'
complete -c lxc-usernsexec -s h -l help -d 'Print this help.'
complete -c lxc-usernsexec -l usage -d 'Print all options on a few lines.'
complete -c lxc-usernsexec -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-usernsexec -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
