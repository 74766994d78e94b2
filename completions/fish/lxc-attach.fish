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
complete -c lxc-attach -f
complete -c lxc-attach -n __lxc_is_first -a '(__lxc_ls -1 --running)'
complete -c lxc-attach -s f -l rcfile -r -F -d 'Take lxc.environment from FILE, not from the container\'s configuration.'
complete -c lxc-attach -s s -l namespaces -x -a 'MOUNT PID UTSNAME IPC USER NETWORK CGROUP TIME' -d 'Join only these namespaces: MOUNT, PID, UTSNAME, IPC, USER, NETWORK, CGROUP, TIME, joined by |. Implies -e.'
complete -c lxc-attach -s e -l elevated-privileges -d 'Do not enter the container\'s cgroups (CGROUP), keep all capabilities (CAP), do not take its security label (LSM), joined by |; without LIST all of that. The command may do to the host what it likes.'
complete -c lxc-attach -s a -l arch -x -a 'aarch64 amd64 arm64 linux64 loongarch64 loong64 mips64 mips64el ppc64 ppc64el ppc64le powerpc64 riscv64 s390x x86_64 arm armel armhf armv7l athlon i386 i486 i586 i686 linux32 mips mipsel ppc powerpc x32 x86' -d 'Architecture that the command is told it runs on (default: the container\'s).'
complete -c lxc-attach -s R -l remount-sys-proc -d 'Without the mount namespace: give the command /proc and /sys of the namespaces it joins.'
complete -c lxc-attach -s c -l context -x -d 'Security label to take.'
complete -c lxc-attach -s u -l uid -x -d 'Run the command as user UID.'
complete -c lxc-attach -s g -l gid -x -d 'Run the command as group GID.'
complete -c lxc-attach -l clear-env -d 'Begin with an empty environment, with a default PATH.'
complete -c lxc-attach -l keep-env -d 'Begin with ours (this is the default).'
complete -c lxc-attach -l keep-var -x -d 'With --clear-env: keep this variable.'
complete -c lxc-attach -s v -l set-var -x -d 'Set this variable.'
complete -c lxc-attach -s L -l pty-log -r -F -d 'Append all that passes on the terminal to FILE.'
complete -c lxc-attach -s n -l name -x -a '(__lxc_ls -1 --running)' -d 'Name of the container.'
complete -c lxc-attach -s h -l help -d 'Print this help.'
complete -c lxc-attach -l usage -d 'Print all options on a few lines.'
complete -c lxc-attach -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-attach -s q -l quiet -d 'Print no messages.'
complete -c lxc-attach -s o -l logfile -r -F -d 'Append the log to FILE.'
complete -c lxc-attach -s l -l logpriority -x -a 'TRACE DEBUG INFO NOTICE WARN ERROR CRIT FATAL' -d 'Log messages of LEVEL and above (default: error), without -o to the container\'s own log file.'
complete -c lxc-attach -s P -l lxcpath -r -F -d 'Directory of the containers.'
complete -c lxc-attach -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
