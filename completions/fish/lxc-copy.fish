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
complete -c lxc-copy -f
complete -c lxc-copy -n __lxc_is_first -a '(__lxc_ls -1 --defined)'
complete -c lxc-copy -s N -l newname -x -d 'Name of the copy; with -e one is made up if it is left out.'
complete -c lxc-copy -s p -l newpath -r -F -d 'Directory that the copy is put into (default: the source\'s).'
complete -c lxc-copy -s R -l rename -d 'Rename the container; nothing is copied.'
complete -c lxc-copy -s s -l snapshot -d 'Copy nothing that can be shared: a snapshot, or an overlay over a directory.'
complete -c lxc-copy -s a -l allowrunning -d 'Copy a container that runs; what it writes meanwhile may be torn.'
complete -c lxc-copy -s B -l backingstorage -x -a 'dir btrfs overlay overlayfs loop lvm' -d 'Storage of the copy (default: as the source\'s).'
complete -c lxc-copy -s L -l fssize -x -d 'Size of the copy\'s file system, where it gets a new one (-B loop), in MiB or with one of bBkKmMgGtT.'
complete -c lxc-copy -s K -l keepname -d 'Keep the host name.'
complete -c lxc-copy -s M -l keepmac -d 'Keep the hardware addresses.'
complete -c lxc-copy -s e -l ephemeral -d 'Make a snapshot, start it, and destroy it when it has stopped.'
complete -c lxc-copy -s D -l keepdata -d 'Do not destroy it.'
complete -c lxc-copy -s F -l foreground -d 'Start it with its console on this terminal.'
complete -c lxc-copy -s d -l daemon -d 'Start it in the background (default).'
complete -c lxc-copy -s m -l mount -x -d 'Mount more in it: bind=SOURCE[:TARGET][:ro|rw] or overlay=SOURCE[:TARGET].'
complete -c lxc-copy -s t -l tmpfs -d 'Keep what it changes in memory; a reboot loses it.'
complete -c lxc-copy -s n -l name -x -a '(__lxc_ls -1 --defined)' -d 'Name of the container.'
complete -c lxc-copy -s h -l help -d 'Print this help.'
complete -c lxc-copy -l usage -d 'Print all options on a few lines.'
complete -c lxc-copy -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-copy -s q -l quiet -d 'Print no messages.'
complete -c lxc-copy -s o -l logfile -r -F -d 'Append the log to FILE.'
complete -c lxc-copy -s l -l logpriority -x -a 'TRACE DEBUG INFO NOTICE WARN ERROR CRIT FATAL' -d 'Log messages of LEVEL and above (default: error), without -o to the container\'s own log file.'
complete -c lxc-copy -s P -l lxcpath -r -F -d 'Directory of the containers.'
complete -c lxc-copy -l rcfile -r -F -d 'Use FILE, not the container\'s own configuration.'
complete -c lxc-copy -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
