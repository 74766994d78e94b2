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
complete -c lxc-create -f
complete -c lxc-create -n __lxc_is_first -a ''
complete -c lxc-create -s t -l template -x -a '(__lxc_templates busybox download local none oci)' -d 'What fills the container\'s root file system: the name or absolute path of a template, or none.'
complete -c lxc-create -s f -l config -r -F -d 'Begin with the configuration FILE, not with lxc.default_config of lxc.conf.'
complete -c lxc-create -s B -l bdev -x -a 'best dir btrfs overlay overlayfs loop lvm none' -d 'Storage of the root file system: dir (also none), btrfs, overlay, loop or lvm; best is btrfs or lvm where that can be, else dir, and of several (btrfs,dir) the first that can be is taken.'
complete -c lxc-create -l dir -r -F -d 'Put the root file system into DIR, an absolute path (default: LXCPATH/NAME/rootfs).'
complete -c lxc-create -l fstype -x -d 'Type of the file system in an image or a volume (default: ext4).'
complete -c lxc-create -l fssize -x -d 'Its size, in MiB or with one of bBkKmMgGtT (default: 1G).'
complete -c lxc-create -l lvname -x -d 'Name of the logical volume (default: the container\'s).'
complete -c lxc-create -l vgname -x -d 'Its volume group (default: lxc.bdev.lvm.vg of lxc.conf, or lxc).'
complete -c lxc-create -l thinpool -x -d 'Its thin pool, if there is one of this name (default: lxc.bdev.lvm.thin_pool of lxc.conf, or lxc).'
complete -c lxc-create -l zfsroot -x -d 'Parent of the dataset.'
complete -c lxc-create -l rbdname -x -d 'Name of the Ceph block device.'
complete -c lxc-create -l rbdpool -x -d 'Its pool.'
complete -c lxc-create -l rbduser -x -d 'Its user.'
complete -c lxc-create -s n -l name -x -d 'Name of the container.'
complete -c lxc-create -s h -l help -d 'Print this help.'
complete -c lxc-create -l usage -d 'Print all options on a few lines.'
complete -c lxc-create -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-create -s q -l quiet -d 'Print no messages.'
complete -c lxc-create -s o -l logfile -r -F -d 'Append the log to FILE.'
complete -c lxc-create -s l -l logpriority -x -a 'TRACE DEBUG INFO NOTICE WARN ERROR CRIT FATAL' -d 'Log messages of LEVEL and above (default: error), without -o to the container\'s own log file.'
complete -c lxc-create -s P -l lxcpath -r -F -d 'Directory of the containers.'
complete -c lxc-create -l rcfile -r -F -d 'Use FILE, not the container\'s own configuration.'
complete -c lxc-create -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
