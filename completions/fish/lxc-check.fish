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
complete -c lxc-check -f
complete -c lxc-check -n __lxc_is_first -a '(__lxc_ls -1 --)'
complete -c lxc-check -l fix -d 'Rewrite what can be rewritten; the old file is kept as FILE.backup.'
complete -c lxc-check -l format -x -a 'text json sarif' -d 'Print as text (default), as JSON, or as SARIF.'
complete -c lxc-check -l target -x -a 'v1 v2' -d 'Judge for a host with control groups of version v1 or v2, whatever this one has.'
complete -c lxc-check -l ignore -x -d 'Say nothing of what this rule finds.'
complete -c lxc-check -l list-rules -d 'Print all rules and what they are for.'
complete -c lxc-check -l schema -d 'Print a JSON Schema of the configuration.'
complete -c lxc-check -s n -l name -x -a '(__lxc_ls -1)' -d 'Name of the container.'
complete -c lxc-check -s h -l help -d 'Print this help.'
complete -c lxc-check -l usage -d 'Print all options on a few lines.'
complete -c lxc-check -l version -d 'Print the version of LXC whose interface this is.'
complete -c lxc-check -s q -l quiet -d 'Print no messages.'
complete -c lxc-check -s P -l lxcpath -r -F -d 'Directory of the containers.'
complete -c lxc-check -l trace -r -F -d 'Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.'
