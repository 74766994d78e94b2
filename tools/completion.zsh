#compdef @TOOLS@
# Completion of the lxc commands for zsh.  Made from the option tables by tools/documents.py; not to be edited.

# The names that lxc-ls lists: _lxc_names all|running|stopped|frozen|defined|none
_lxc_names() {
    [[ $1 == none ]] && return
    local -a choice names
    [[ $1 == all ]] || choice=(--$1)
    _lxc_path
    names=(${(f)"$(lxc-ls -1 $choice 2>/dev/null)"})
    compadd -a names
}

# Add to `choice` where -P says that they are.
_lxc_path() {
    local path_given=${(Q)${(Q)${opt_args[-P]:-${opt_args[--lxcpath]}}}}  # as typed, and quoted once more
    [[ -n $path_given ]] && choice+=(-P ${path_given/#\~\//$HOME/})
}

_lxc_groups() {
    local -a choice groups
    _lxc_path
    groups=(${(u)${(f)"$(lxc-ls -f -F GROUPS $choice 2>/dev/null | tail -n +2 | tr -d ' ' | tr ',' '\n' | grep -v '^-$')"}})
    _sequence _lxc_group
}

# The templates that are given, and those that are installed beside ours
_lxc_templates() {
    local -aU templates
    templates=($@ /usr/share/lxc/templates/lxc-*(N:t:s/lxc-//))
    compadd -a templates
}

_lxc_cgroup_files() {
    local -a files
    files=(${(f)"$(lxc-cgroup -n any --list 2>/dev/null)"})
    compadd -a files
}

_lxc_group() {
    compadd "$@" -a groups
}

# What follows the name: a command with its own arguments, after a double dash
_lxc_rest() {
    (( ${words[(I)--]} )) && _normal
}

case $service in
@CASES@
esac
