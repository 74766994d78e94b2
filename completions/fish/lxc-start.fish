# Made from the option tables by tools/documents.py; not to be edited.

# What lxc-ls says of the containers that are where -P says.
function __lxc_ls
    set -l words (commandline -opc)
    set -l path
    for index in (seq (count $words))
        switch $words[$index]
            case -P --lxcpath
                set path -P $words[(math $index + 1)]
            case '-P*' '--lxcpath=*'
                set path -P (string replace -r -- '^(-P|--lxcpath=)' '' $words[$index])
        end
    end
    lxc-ls (string replace -r -- '^~/' $HOME/ $path) $argv 2>/dev/null
end

function __lxc_groups
    __lxc_ls -f -F GROUPS | tail -n +2 | string split -n , | string trim | string match -v -- - | sort -u
end

function __lxc_templates
    begin
        string join \n $argv
        for file in /usr/share/lxc/templates/lxc-*
            string replace -r '.*/lxc-' '' $file
        end
    end | sort -u
end

# How many words there are but options, and -P with its argument.
function __lxc_count
    set -l words (commandline -opc)
    set -l left (string replace -ra -- '(-P|--lxcpath) \S+' '' "$words[2..]")
    count (string match -ra -- '(?:^| )[^ -]' "$left")
end

function __lxc_is_first
    test (__lxc_count) -eq 0
end

function __lxc_is_second
    test (__lxc_count) -eq 1
end
complete -c lxc-start -f
complete -c lxc-start -n __lxc_is_first -a '(__lxc_ls -1 --stopped)'
complete -c lxc-start -s p -l pidfile -r -F -d 'Write the pid of the monitor to FILE.'
complete -c lxc-start -s c -l console -r -F -d 'Use the terminal FILE as the container\'s console.'
complete -c lxc-start -s L -l console-log -r -F -d 'Append what the console says to FILE.'
complete -c lxc-start -s C -l close-all-fds -d 'Close inherited descriptors, also with -F.'
complete -c lxc-start -l dry-run -d 'Print what a start would do, in order, and do nothing.'
complete -c lxc-start -l format -x -a 'text json' -d 'Print as text (default), or as JSON for programs.'
complete -c lxc-start -s f -l rcfile -r -F -d 'Use FILE, not the container\'s own configuration; the container need not exist.'
complete -c lxc-start -s s -l define -x -d 'Set a configuration item for this run; can be repeated.'
complete -c lxc-start -l share-net -x -d 'Share the network namespace of a container or process.'
complete -c lxc-start -l share-ipc -x -d 'Share the IPC namespace of a container or process.'
complete -c lxc-start -l share-uts -x -d 'Share the UTS namespace of a container or process.'
complete -c lxc-start -l share-pid -x -d 'Share the PID namespace of a container or process.'
complete -c lxc-start -s F -l foreground -d 'Stay, with the container\'s console on this terminal, until it ends.'
complete -c lxc-start -s d -l daemon -d 'Return as soon as the container runs.'
complete -c lxc-start -s n -l name -x -a '(__lxc_ls -1 --stopped)' -d 'Name of the container.'
complete -c lxc-start -s h -l help -d 'Print this help.'
complete -c lxc-start -l usage -d 'Print all options on a few lines.'
complete -c lxc-start -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-start -s q -l quiet -d 'Print no messages.'
complete -c lxc-start -s o -l logfile -r -F -d 'Append the log to FILE.'
complete -c lxc-start -s l -l logpriority -x -a 'TRACE DEBUG INFO NOTICE WARN ERROR CRIT FATAL' -d 'Log messages of LEVEL and above (default: error), without -o to the container\'s own log file.'
complete -c lxc-start -s P -l lxcpath -r -F -d 'Directory of the containers.'
complete -c lxc-start -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
