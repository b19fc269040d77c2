#!/usr/bin/env bash
# Runs a command as on a machine of its own: PID, network, mount and cgroup namespaces, and an empty $RUNDRILL_HOME
# that borrows the compiled programs. A drill cluster beside it is neither seen nor disturbed.
#   tests/cluster/own-machine.sh .venv/bin/python -m pytest -m cluster tests/cluster/test_cluster_lifecycle.py
set -euo pipefail
cd "$(dirname "$0")/../.."

caches=${RUNDRILL_HOME:-$HOME/.cache/rundrill}
mkdir -p "$caches/bin"
home=$(mktemp -d "$caches/own-machine.XXXXXX")
group=$(basename "$home")
ln -s "$caches/bin" "$home/bin"

hierarchies=()
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    hierarchies=(/sys/fs/cgroup)
else
    for controllers in $(awk '$3 == "cgroup" {print $2}' /proc/self/mounts); do hierarchies+=("$controllers"); done
fi

tidy() {
    rm -rf "$home"
    for hierarchy in "${hierarchies[@]}"; do
        find "$hierarchy/$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
}
trap tidy EXIT

# The command starts in groups that will be the roots of its hierarchies; on v2 in a leaf, for a root with
# processes of its own may not have controllers for its children.
for hierarchy in "${hierarchies[@]}"; do
    mkdir "$hierarchy/$group"
    for setting in cpuset.cpus cpuset.mems; do
        if [ -e "$hierarchy/$setting" ]; then cat "$hierarchy/$setting" > "$hierarchy/$group/$setting"; fi
    done
done

RUNDRILL_OWN_MACHINE=1 RUNDRILL_HOME=$home unshare --fork --kill-child bash -euc '
group=$1; shift
count=$1; shift
for hierarchy in "${@:1:count}"; do echo $$ > "$hierarchy/$group/cgroup.procs"; done
exec unshare --cgroup --net --mount --pid --fork --kill-child --mount-proc bash -euc "
    count=\$1; shift
    hierarchies=(\"\${@:1:count}\"); shift \$count
    ip link set lo up
    mount -t sysfs sysfs /sys
    if [ \"\${hierarchies[*]}\" = /sys/fs/cgroup ]; then
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        mkdir /sys/fs/cgroup/leaf
        echo \$\$ > /sys/fs/cgroup/leaf/cgroup.procs
    else
        mount -t tmpfs tmpfs /sys/fs/cgroup
        for hierarchy in \"\${hierarchies[@]}\"; do
            name=\$(basename \$hierarchy)
            options=\$name
            [ \$name != systemd ] || options=none,name=systemd
            mkdir \$hierarchy
            mount -t cgroup -o \$options cgroup \$hierarchy
            for one in \${name//,/ }; do [ -e /sys/fs/cgroup/\$one ] || ln -s \$hierarchy /sys/fs/cgroup/\$one; done
        done
    fi
    exec catatonit -- \"\$@\"
" bash "$count" "$@"
' bash "$group" "${#hierarchies[@]}" "${hierarchies[@]}" "$@"
