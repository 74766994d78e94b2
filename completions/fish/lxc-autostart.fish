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
complete -c lxc-autostart -f
complete -c lxc-autostart -s r -l reboot -d 'Ask the containers that run to reboot, instead of starting any.'
complete -c lxc-autostart -s s -l shutdown -d 'Shut the containers that run down.'
complete -c lxc-autostart -s k -l kill -d 'Kill the containers that run.'
complete -c lxc-autostart -s L -l list -d 'Print which containers that would be, and the delay after each start; do nothing.'
complete -c lxc-autostart -s a -l all -d 'Do it with the containers of all groups.'
complete -c lxc-autostart -s A -l ignore-auto -d 'Do it with those, too, whose lxc.start.auto is not 1.'
complete -c lxc-autostart -s g -l groups -x -a '(__fish_append , (__lxc_groups))' -d 'Do it with the containers of these groups, group by group; an empty name means those that are in none (default: only them). Can be repeated.'
complete -c lxc-autostart -s t -l timeout -x -d 'With -s: kill what still runs after SECONDS (default: 60); -1 waits forever.'
complete -c lxc-autostart -l format -x -a 'text json' -d 'Print as text (default), or as JSON for programs.'
complete -c lxc-autostart -s n -l name -x -d 'Name of the container.'
complete -c lxc-autostart -s h -l help -d 'Print this help.'
complete -c lxc-autostart -l usage -d 'Print all options on a few lines.'
complete -c lxc-autostart -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-autostart -s q -l quiet -d 'Print no messages.'
complete -c lxc-autostart -s o -l logfile -r -F -d 'Append the log to FILE.'
complete -c lxc-autostart -s l -l logpriority -x -a 'TRACE DEBUG INFO NOTICE WARN ERROR CRIT FATAL' -d 'Log messages of LEVEL and above (default: error), without -o to the container\'s own log file.'
complete -c lxc-autostart -s P -l lxcpath -r -F -d 'Directory of the containers.'
complete -c lxc-autostart -l rcfile -r -F -d 'Use FILE, not the container\'s own configuration.'
complete -c lxc-autostart -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
