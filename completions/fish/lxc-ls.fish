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
complete -c lxc-ls -f
complete -c lxc-ls -s 1 -l line -d 'Print one name on each line.'
complete -c lxc-ls -s f -l fancy -d 'Print a table.'
complete -c lxc-ls -s F -l fancy-format -x -a 'NAME STATE PID RAM SWAP AUTOSTART GROUPS INTERFACE IPV4 IPV6 UNPRIVILEGED' -d 'With -f: columns of the table, of NAME, STATE, PID, RAM, SWAP, AUTOSTART, GROUPS, INTERFACE, IPV4, IPV6, UNPRIVILEGED (default: NAME,STATE,AUTOSTART,GROUPS,IPV4,IPV6,UNPRIVILEGED).'
complete -c lxc-ls -l active -d 'List those that run, or are frozen.'
complete -c lxc-ls -l running -d 'List those that run, or are frozen.'
complete -c lxc-ls -l frozen -d 'List those that are frozen.'
complete -c lxc-ls -l stopped -d 'List those that are stopped.'
complete -c lxc-ls -l defined -d 'List those that have a configuration.'
complete -c lxc-ls -l nesting -d 'List containers in containers, too, down to N levels (default: 5).'
complete -c lxc-ls -l filter -x -d 'List those whose name matches the extended regular expression REGEX.'
complete -c lxc-ls -s g -l groups -x -a '(__fish_append , (__lxc_groups))' -d 'List those that are in all of these groups.'
complete -c lxc-ls -l format -x -a 'text json' -d 'Print as text (default), or as JSON for programs.'
complete -c lxc-ls -s n -l name -x -d 'Name of the container.'
complete -c lxc-ls -s h -l help -d 'Print this help.'
complete -c lxc-ls -l usage -d 'Print all options on a few lines.'
complete -c lxc-ls -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-ls -s q -l quiet -d 'Print no messages.'
complete -c lxc-ls -s o -l logfile -r -F -d 'Append the log to FILE.'
complete -c lxc-ls -s l -l logpriority -x -a 'TRACE DEBUG INFO NOTICE WARN ERROR CRIT FATAL' -d 'Log messages of LEVEL and above (default: error), without -o to the container\'s own log file.'
complete -c lxc-ls -s P -l lxcpath -r -F -d 'Directory of the containers.'
complete -c lxc-ls -l rcfile -r -F -d 'Use FILE, not the container\'s own configuration.'
complete -c lxc-ls -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
