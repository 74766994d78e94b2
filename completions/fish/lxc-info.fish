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
complete -c lxc-info -f
complete -c lxc-info -n __lxc_is_first -a '(__lxc_ls -1 --defined)'
complete -c lxc-info -s c -l config -x -a 'lxc.arch lxc.uts.name lxc.ephemeral lxc.include lxc.init.cmd lxc.init.cwd lxc.init.uid lxc.init.gid lxc.init.groups lxc.execute.cmd lxc.environment lxc.environment.runtime lxc.environment.hooks lxc.signal.halt lxc.signal.reboot lxc.signal.stop lxc.sched.core lxc.rootfs.path lxc.rootfs.mount lxc.rootfs.options lxc.rootfs.managed lxc.mount.auto lxc.mount.entry lxc.mount.fstab lxc.autodev lxc.autodev.tmpfs.size lxc.console.path lxc.console.logfile lxc.console.size lxc.console.rotate lxc.console.buffer.size lxc.tty.max lxc.tty.dir lxc.pty.max lxc.idmap lxc.namespace.clone lxc.namespace.keep lxc.namespace.share lxc.time.offset.boot lxc.time.offset.monotonic lxc.net lxc.cgroup2 lxc.cgroup lxc.cgroup.dir lxc.cgroup.dir.monitor lxc.cgroup.dir.monitor.pivot lxc.cgroup.dir.container lxc.cgroup.dir.container.inner lxc.cgroup.relative lxc.prlimit lxc.sysctl lxc.proc lxc.cap.drop lxc.cap.keep lxc.no_new_privs lxc.apparmor.profile lxc.apparmor.allow_incomplete lxc.apparmor.allow_nesting lxc.apparmor.raw lxc.selinux.context lxc.selinux.context.keyring lxc.seccomp.profile lxc.seccomp.allow_nesting lxc.seccomp.notify.proxy lxc.seccomp.notify.cookie lxc.x-monitor-landlock lxc.x-landlock lxc.keyring.session lxc.hook.pre-start lxc.hook.pre-mount lxc.hook.mount lxc.hook.autodev lxc.hook.start-host lxc.hook.start lxc.hook.stop lxc.hook.post-stop lxc.hook.clone lxc.hook.destroy lxc.hook.version lxc.hook lxc.log.file lxc.log.level lxc.log.syslog lxc.monitor.unshare lxc.monitor.signal.pdeath lxc.start.auto lxc.start.delay lxc.start.order lxc.group' -d 'Print the value of KEY in the container\'s configuration.'
complete -c lxc-info -s i -l ips -d 'Print the IP addresses.'
complete -c lxc-info -s p -l pid -d 'Print the process id of the container\'s init.'
complete -c lxc-info -s S -l stats -d 'Print what the container uses: processor, disk, memory, network.'
complete -c lxc-info -s H -l no-humanize -d 'Print plain numbers, and of a single value no label.'
complete -c lxc-info -s s -l state -d 'Print the state.'
complete -c lxc-info -l format -x -a 'text json' -d 'Print as text (default), or as JSON for programs.'
complete -c lxc-info -s n -l name -x -a '(__lxc_ls -1 --defined)' -d 'Name of the container.'
complete -c lxc-info -s h -l help -d 'Print this help.'
complete -c lxc-info -l usage -d 'Print all options on a few lines.'
complete -c lxc-info -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-info -s q -l quiet -d 'Print no messages.'
complete -c lxc-info -s o -l logfile -r -F -d 'Append the log to FILE.'
complete -c lxc-info -s l -l logpriority -x -a 'TRACE DEBUG INFO NOTICE WARN ERROR CRIT FATAL' -d 'Log messages of LEVEL and above (default: error), without -o to the container\'s own log file.'
complete -c lxc-info -s P -l lxcpath -r -F -d 'Directory of the containers.'
complete -c lxc-info -l rcfile -r -F -d 'Use FILE, not the container\'s own configuration.'
complete -c lxc-info -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
