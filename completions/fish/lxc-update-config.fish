complete -c lxc-update-config -f
complete -c lxc-update-config -s c -l config -r -F -d 'The configuration to update.'
complete -c lxc-update-config -s h -l help -d 'Print this help.'
complete -c lxc-update-config -l usage -d 'Print all options on a few lines.'
complete -c lxc-update-config -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-update-config -s q -l quiet -d 'Print no messages.'
complete -c lxc-update-config -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
