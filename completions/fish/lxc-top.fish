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
complete -c lxc-top -f
complete -c lxc-top -s d -l delay -x -d 'Time between two looks (default: 3; in batch mode 300).'
complete -c lxc-top -s b -l batch -d 'Print lines of values, separated by commas, for programs.'
complete -c lxc-top -s s -l sort -x -d 'By n(ame), c(pu), b(lkio), m(emory), s(wap) or k(ernel memory).'
complete -c lxc-top -s r -l reverse -d 'The other way round.'
complete -c lxc-top -l format -x -a 'text json' -d 'Print as text (default), or as JSON for programs.'
complete -c lxc-top -s n -l name -x -d 'Name of the container.'
complete -c lxc-top -s h -l help -d 'Print this help.'
complete -c lxc-top -l usage -d 'Print all options on a few lines.'
complete -c lxc-top -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-top -s q -l quiet -d 'Print no messages.'
complete -c lxc-top -s o -l logfile -r -F -d 'Append the log to FILE.'
complete -c lxc-top -s l -l logpriority -x -a 'TRACE DEBUG INFO NOTICE WARN ERROR CRIT FATAL' -d 'Log messages of LEVEL and above (default: error), without -o to the container\'s own log file.'
complete -c lxc-top -s P -l lxcpath -r -F -d 'Directory of the containers.'
complete -c lxc-top -l rcfile -r -F -d 'Use FILE, not the container\'s own configuration.'
complete -c lxc-top -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
