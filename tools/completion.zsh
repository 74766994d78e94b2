#compdef @TOOLS@
# Completion of the lxc commands for zsh.  Made from the option tables by tools/documents.py; not to be edited.

# The names that lxc-ls lists: _lxc_names all|running|stopped|frozen|defined|none
_lxc_names() {
    [[ $1 == none ]] && return
    local -a choice names
    [[ $1 == all ]] || choice=(--$1)
    [[ -n ${opt_args[-P]:-${opt_args[--lxcpath]}} ]] && choice+=(-P ${opt_args[-P]:-${opt_args[--lxcpath]}})
    names=(${(f)"$(lxc-ls -1 $choice 2>/dev/null)"})
    compadd -a names
}

_lxc_groups() {
    local -a groups
    groups=(${(u)${(f)"$(lxc-ls -f -F GROUPS 2>/dev/null | tail -n +2 | tr -d ' ' | tr ',' '\n' | grep -v '^-$')"}})
    _sequence _lxc_group
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
