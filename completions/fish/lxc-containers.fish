complete -c lxc-containers -f
complete -c lxc-containers -n __fish_is_first_arg -a 'start stop restart reload force-reload'
complete -c lxc-containers -s h -l help -d 'Print this help.'
complete -c lxc-containers -l usage -d 'Print all options on a few lines.'
complete -c lxc-containers -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-containers -s q -l quiet -d 'Print no messages.'
complete -c lxc-containers -s o -l logfile -r -F -d 'Append the log to FILE.'
complete -c lxc-containers -s l -l logpriority -x -a 'TRACE DEBUG INFO NOTICE WARN ERROR CRIT FATAL' -d 'Log messages of LEVEL and above (default: error), without -o to the container\'s own log file.'
complete -c lxc-containers -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
