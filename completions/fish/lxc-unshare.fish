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
complete -c lxc-unshare -f
complete -c lxc-unshare -s s -l namespaces -x -a 'MOUNT PID UTSNAME IPC USER NETWORK CGROUP TIME' -d 'The new namespaces: MOUNT, PID, UTSNAME, IPC, USER, NETWORK, CGROUP, TIME, joined by |.'
complete -c lxc-unshare -s u -l user -x -d 'With USER: who we are there (default: who we are).'
complete -c lxc-unshare -s H -l hostname -x -d 'With UTSNAME: the host name there.'
complete -c lxc-unshare -s i -l ifname -x -d 'With NETWORK: move this network device there.'
complete -c lxc-unshare -s M -l remount -d 'With MOUNT: mount /proc, /dev/shm and /dev/mqueue anew.'
complete -c lxc-unshare -s d -l daemon -d 'Do not wait for the command.'
complete -c lxc-unshare -s n -l name -x -d 'Name of the container.'
complete -c lxc-unshare -s h -l help -d 'Print this help.'
complete -c lxc-unshare -l usage -d 'Print all options on a few lines.'
complete -c lxc-unshare -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-unshare -s q -l quiet -d 'Print no messages.'
complete -c lxc-unshare -s o -l logfile -r -F -d 'Append the log to FILE.'
complete -c lxc-unshare -s l -l logpriority -x -a 'TRACE DEBUG INFO NOTICE WARN ERROR CRIT FATAL' -d 'Log messages of LEVEL and above (default: error), without -o to the container\'s own log file.'
complete -c lxc-unshare -s P -l lxcpath -r -F -d 'Directory of the containers.'
complete -c lxc-unshare -l rcfile -r -F -d 'Use FILE, not the container\'s own configuration.'
complete -c lxc-unshare -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
