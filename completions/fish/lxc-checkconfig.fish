complete -c lxc-checkconfig -f
complete -c lxc-checkconfig -l user -d 'Check instead what keeps us, an ordinary user, from having containers.'
complete -c lxc-checkconfig -l format -x -a 'text json' -d 'Print as text (default), or as JSON for programs.'
complete -c lxc-checkconfig -s h -l help -d 'Print this help.'
complete -c lxc-checkconfig -l usage -d 'Print all options on a few lines.'
complete -c lxc-checkconfig -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-checkconfig -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
