complete -c lxc-monitord -f
complete -c lxc-monitord -l daemon -d 'Stay, whether anybody listens or not.'
complete -c lxc-monitord -s h -l help -d 'Print this help.'
complete -c lxc-monitord -l usage -d 'Print all options on a few lines.'
complete -c lxc-monitord -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-monitord -s q -l quiet -d 'Print no messages.'
complete -c lxc-monitord -s o -l logfile -r -F -d 'Append the log to FILE.'
complete -c lxc-monitord -s l -l logpriority -x -a 'TRACE DEBUG INFO NOTICE WARN ERROR CRIT FATAL' -d 'Log messages of LEVEL and above (default: error), without -o to the container\'s own log file.'
complete -c lxc-monitord -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
