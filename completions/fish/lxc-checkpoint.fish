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
complete -c lxc-checkpoint -f
complete -c lxc-checkpoint -n __lxc_is_first -a '(__lxc_ls -1 --running)'
complete -c lxc-checkpoint -s r -l restore -d 'Restore the container instead of dumping it.'
complete -c lxc-checkpoint -s D -l checkpoint-dir -r -F -d 'Directory of the dump; must be given.'
complete -c lxc-checkpoint -s v -l verbose -d 'Have CRIU log all it does.'
complete -c lxc-checkpoint -s A -l action-script -r -F -d 'Program that CRIU runs at each stage, see criu(8).'
complete -c lxc-checkpoint -s s -l stop -d 'Stop the container with the dump; it goes on otherwise.'
complete -c lxc-checkpoint -s p -l pre-dump -d 'Dump the memory only: a later dump needs only what changed since.'
complete -c lxc-checkpoint -l predump-dir -r -F -d 'The earlier dump\'s directory, relative to -D.'
complete -c lxc-checkpoint -s d -l daemon -d 'Return as soon as the container runs (default).'
complete -c lxc-checkpoint -s F -l foreground -d 'Stay until the container ends.'
complete -c lxc-checkpoint -s n -l name -x -a '(__lxc_ls -1 --running)' -d 'Name of the container.'
complete -c lxc-checkpoint -s h -l help -d 'Print this help.'
complete -c lxc-checkpoint -l usage -d 'Print all options on a few lines.'
complete -c lxc-checkpoint -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-checkpoint -s q -l quiet -d 'Print no messages.'
complete -c lxc-checkpoint -s o -l logfile -r -F -d 'Append the log to FILE.'
complete -c lxc-checkpoint -s l -l logpriority -x -a 'TRACE DEBUG INFO NOTICE WARN ERROR CRIT FATAL' -d 'Log messages of LEVEL and above (default: error), without -o to the container\'s own log file.'
complete -c lxc-checkpoint -s P -l lxcpath -r -F -d 'Directory of the containers.'
complete -c lxc-checkpoint -l rcfile -r -F -d 'Use FILE, not the container\'s own configuration.'
complete -c lxc-checkpoint -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
