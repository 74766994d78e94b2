#!/bin/bash
# A container's life, from lxc-create to lxc-destroy: each command is printed before it is run, the first exit status
# that is not the expected one ends the demonstration, and so does anything that is left behind at its end.
#
#   demo.sh BIN        BIN: the directory of the commands
set -euo pipefail

bin=$(realpath "$1")
PATH=$bin:$PATH
[ "$(id -u)" = 0 ] || { echo "the demonstration needs root: sudo make demo" >&2; exit 1; }

bold='' blue='' red='' plain=''
[ ! -t 1 ] || bold=$'\e[1m' blue=$'\e[36m' red=$'\e[31m' plain=$'\e[0m'
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
fail() { printf '%s%s%s\n' "$red" "$*" "$plain" >&2; exit 1; }

for name in create start wait info ls attach freeze unfreeze stop destroy; do
    [ -x "$bin/lxc-$name" ] || fail "there is no $bin/lxc-$name"
done
lxcpath=$(mktemp -d /tmp/lx.XXXX)
trap tidy EXIT

# Print and run a shell command; its exit status must be $2 (default 0).
run() {
    local status=0
    printf '%s$ %s%s\n' "$blue" "$1" "$plain"
    eval "$1" || status=$?
    [ "$status" = "${2:-0}" ] || fail "exit status $status, expected ${2:-0}"
    [ "$status" = 0 ] || echo "(exit status $status)"
}

# What a container of ours could leave on the host, one thing a line.
traces() {
    cut -d' ' -f5 /proc/self/mountinfo | sed 's/^/mount /'
    ip -oneline link | cut -d: -f2 | sed 's/^/network device/'
    find /sys/fs/cgroup -type d -name 'lxc*.demo*' 2>/dev/null | sed 's/^/cgroup /' || true
    find /run /var/lib/lxc /var/log/lxc /var/cache/lxc "$lxcpath" -path "*$lxcpath/*" 2>/dev/null | sed 's/^/file /' || true
    pgrep -af -- "$lxcpath" | sed 's/^/process /' || true
    grep -lE 'lxc\.(payload|monitor)\.demo(-[0-9]+)?(/|$)' /proc/[0-9]*/cgroup 2>/dev/null | sed 's/^/process in a cgroup /' || true
}

left() { comm -13 <(sort -u <<<"$before") <(traces | sort -u); }

tidy() {
    lxc-stop -P "$lxcpath" -n demo -k -q 2>/dev/null || true
    lxc-destroy -P "$lxcpath" -n demo -q 2>/dev/null || true
    rm -rf --one-file-system "$lxcpath"
}

before=$(traces)

say "A container from the template busybox, without a network"
run "echo 'lxc.net.0.type = empty' > $lxcpath/demo.conf"
run "lxc-create -P $lxcpath -n demo -t busybox -f $lxcpath/demo.conf"

say "It is started, and looked at"
run "lxc-start -P $lxcpath -n demo"
run "lxc-wait -P $lxcpath -n demo -s RUNNING -t 10"
run "lxc-info -P $lxcpath -n demo"
run "lxc-ls -P $lxcpath -f"

say "A command in it: its exit status and its standard input are the caller's"
run "lxc-attach -P $lxcpath -n demo -- ps"
run "lxc-attach -P $lxcpath -n demo -- sh -c 'exit 7'" 7
run "echo 'through a pipe' | lxc-attach -P $lxcpath -n demo -- cat"

say "It is frozen and thawed"
run "lxc-freeze -P $lxcpath -n demo"
run "lxc-info -P $lxcpath -n demo -s"
run "lxc-unfreeze -P $lxcpath -n demo"
run "lxc-info -P $lxcpath -n demo -s"

say "It is asked to reboot: the same container with another init"
old=$(lxc-info -P "$lxcpath" -n demo -pH)
run "lxc-stop -P $lxcpath -n demo --reboot"
new=$old
for ((tenths = 0; tenths < 300; tenths++)); do
    new=$(lxc-info -P "$lxcpath" -n demo -pH)
    [ "$new" = "$old" ] || [ -z "$new" ] || break
    sleep 0.1
done
[ "$new" != "$old" ] && [ -n "$new" ] || fail "its init is still process $old"
run "lxc-wait -P $lxcpath -n demo -s RUNNING -t 10"
run "lxc-info -P $lxcpath -n demo -s -p"
echo "(it was $old)"

say "It is asked to shut down, and destroyed"
run "lxc-stop -P $lxcpath -n demo --nokill -t 30"
run "lxc-info -P $lxcpath -n demo -s"
run "lxc-destroy -P $lxcpath -n demo"
run "lxc-ls -P $lxcpath"
run "rm $lxcpath/demo.conf"

say "What is there now that was not there before: processes, mounts, cgroups, network devices, files"
for ((tenths = 0; tenths < 50; tenths++)); do
    [ -n "$(left)" ] || break
    sleep 0.1
done
[ -z "$(left)" ] || fail "left behind:"$'\n'"$(left)"
echo "nothing"
