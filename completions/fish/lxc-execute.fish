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
complete -c lxc-execute -f
complete -c lxc-execute -n __lxc_is_first -a '(__lxc_ls -1 --stopped)'
complete -c lxc-execute -s u -l uid -x -d 'Run the command as user UID of the container.'
complete -c lxc-execute -s g -l gid -x -d 'Run the command as group GID of the container.'
complete -c lxc-execute -s f -l rcfile -r -F -d 'Use FILE, not the container\'s own configuration; the container need not exist.'
complete -c lxc-execute -s s -l define -x -d 'Set a configuration item for this run; can be repeated.'
complete -c lxc-execute -l share-net -x -d 'Share the network namespace of a container or process.'
complete -c lxc-execute -l share-ipc -x -d 'Share the IPC namespace of a container or process.'
complete -c lxc-execute -l share-uts -x -d 'Share the UTS namespace of a container or process.'
complete -c lxc-execute -l share-pid -x -d 'Share the PID namespace of a container or process.'
complete -c lxc-execute -s F -l foreground -d 'Stay, with the container\'s console on this terminal, until it ends.'
complete -c lxc-execute -s d -l daemon -d 'Return as soon as the container runs.'
complete -c lxc-execute -s n -l name -x -a '(__lxc_ls -1 --stopped)' -d 'Name of the container.'
complete -c lxc-execute -s h -l help -d 'Print this help.'
complete -c lxc-execute -l usage -d 'Print all options on a few lines.'
complete -c lxc-execute -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-execute -s q -l quiet -d 'Print no messages.'
complete -c lxc-execute -s o -l logfile -r -F -d 'Append the log to FILE.'
complete -c lxc-execute -s l -l logpriority -x -a 'TRACE DEBUG INFO NOTICE WARN ERROR CRIT FATAL' -d 'Log messages of LEVEL and above (default: error), without -o to the container\'s own log file.'
complete -c lxc-execute -s P -l lxcpath -r -F -d 'Directory of the containers.'
complete -c lxc-execute -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
