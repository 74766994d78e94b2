# Completion of the lxc commands for bash.  Made from the option tables by tools/documents.py; not to be edited.

# What the long options of a tool are; what may follow an option (fails if nothing does); what may follow the tool; what
# may follow the container's name.
@FUNCTIONS@

# The names that lxc-ls lists: _lxc_names all|running|stopped|frozen|defined|none [PATH]
_lxc_names() {
    [[ $1 == none ]] && return
    local choice=()
    [[ $1 == all ]] || choice=("--$1")
    [[ -z $2 ]] || choice+=(-P "$2")
    lxc-ls -1 "${choice[@]}" 2>/dev/null
}

# The templates, WORDS and those that are installed beside ours: _lxc_templates WORDS
_lxc_templates() {
    local file
    printf '%s\n' $1
    for file in /usr/share/lxc/templates/lxc-*; do
        [[ -x $file ]] && printf '%s\n' "${file##*/lxc-}"
    done
}

# Offer the lines of the input that begin as WORD does, each with BEFORE before it: _lxc_offer WORD BEFORE
# They are others' words (a container's name may be '$(reboot)'), so nothing may expand them, as compgen -W would.
_lxc_offer() {
    local line quoted
    while IFS= read -r line; do
        printf -v quoted %q "$line"
        [[ $line == "$1"* || $quoted == "$1"* ]] && COMPREPLY+=("$2$quoted")
    done
}

# Those of WORDS that are not among the ones GIVEN, each of which a | or a comma ends: _lxc_others WORDS GIVEN
_lxc_others() (
    set -f
    for word in $1; do
        [[ ,${2//|/,} == *[,\'\"]"$word",* ]] || printf '%s\n' "$word"
    done
)

_lxc() {
    local tool=${COMP_WORDS[0]##*/} current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}
    local path='' name='' kind='' index word count=0
    COMPREPLY=()

    # bash has cut --option=value into three words
    if [[ $current == '=' ]]; then
        current=''
    elif [[ $option == '=' ]]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    fi

    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        case $word in
        --)
            local IFS=$'\n'
            COMPREPLY=($(compgen -A command -A file -- "$current"))
            return
            ;;
        -P | --lxcpath)
            [[ ${COMP_WORDS[index + 1]} == '=' ]] && ((index++))
            path=${COMP_WORDS[++index]}
            ;;
        -*)
            if _lxc_argument "$tool:$word" >/dev/null; then
                [[ ${COMP_WORDS[index + 1]} == '=' ]] && ((index++))
                ((index++))
                [[ $word == -n || $word == --name ]] && name=${COMP_WORDS[index]} && ((++count))
            fi
            ;;
        '=') ;;
        *) name=$word && ((++count)) ;;
        esac
    done
    [[ $name == "$current" ]] && name=''
    path=${path//[\\\'\"]/}  # it is as it was typed
    [[ $path == \~/* ]] && path=$HOME/${path:2}

    if kind=$(_lxc_argument "$tool:$option"); then
        :
    elif [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$(_lxc_options "$tool")" -- "$current"))
        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
        return
    elif [[ -z $name ]]; then
        kind=$(_lxc_operand "$tool")
    elif ((count == 1)); then
        kind=$(_lxc_next "$tool")
    fi
    _lxc_complete "$kind" "$current" "$path"
}

# Fill COMPREPLY with what is of this kind: _lxc_complete KIND CURRENT PATH
_lxc_complete() {
    local kind=${1%% *} rest=${1#* } current=$2 before=''
    local IFS=$' \t\n'
    case $kind in
    words) COMPREPLY=($(compgen -W "$rest" -- "$current")) ;;
    container) _lxc_offer "$current" < <(_lxc_names "$rest" "$3") ;;
    file)
        IFS=$'\n'
        COMPREPLY=($(compgen -f -- "$current"))
        compopt -o filenames
        ;;
    dir)
        IFS=$'\n'
        COMPREPLY=($(compgen -d -- "$current"))
        compopt -o filenames
        ;;
    joined)
        [[ $current == *\|* ]] && before=${current%|*}\|
        COMPREPLY=($(compgen -P "$before" -W "$(_lxc_others "$rest" "$before")" -- "${current##*|}"))
        ;;
    groups)
        [[ $current == *,* ]] && before=${current%,*},
        rest=$(lxc-ls -f -F GROUPS ${3:+-P "$3"} 2>/dev/null | tail -n +2 | tr -d ' ' | tr ',' '\n' | grep -v '^-$' | sort -u)
        _lxc_offer "${current##*,}" "$before" < <(_lxc_others "$rest" "$before")
        ;;
    cgroup-files) _lxc_offer "$current" "" < <(lxc-cgroup -n any --list 2>/dev/null) ;;
    templates) _lxc_offer "$current" "" < <(_lxc_templates "$rest" | sort -u) ;;
    esac
}

complete -F _lxc @TOOLS@
