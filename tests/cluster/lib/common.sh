# What every script here shares: the state directory, messages, processes by name.
# shellcheck shell=bash

cluster_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
repository=$(cd "$cluster_source/../.." && pwd)
export PATH="$PATH:/usr/sbin:/sbin"

node_name='node-1'
readonly something_missing=77

say() { printf 'cluster: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}
# A test that sees this exit code is skipped, not failed.
missing() {
    say "$*"
    exit "$something_missing"
}

use_dir() {
    dir=$(realpath -m "${1:-$repository/target/cluster}")
    pki=$dir/pki
    run=$dir/run
}

is_root() { [ "$(id -u)" = 0 ]; }

# Polls until COMMAND succeeds; fails after SECONDS.
wait_for() { # SECONDS COMMAND...
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.2
    done
}

is_listening() { # PORT
    grep -qi ":$(printf %04x "$1") 0\{8,32\}:0000 0A" /proc/net/tcp /proc/net/tcp6
}

# Below the range that outgoing connections draw from.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 10000))
        is_listening "$port" || { echo "$port" && return; }
    done
    die "no free port between 20000 and 30000"
}

runs_on_node() { [[ $1 == containerd || $1 == kubelet || $1 == kube-proxy ]]; }

# Runs a command inside the namespaces of the node.
on_node() {
    local node
    node=$(cat "$run/node.pid" 2>/dev/null) || return 1
    nsenter --target "$node" --mount --net --pid --ipc --uts -- "$@"
}

place() { # NAME COMMAND...: runs the command where the component lives
    if runs_on_node "$1"; then shift && on_node "$@"; else shift && "$@"; fi
}

# A pid is reused sooner or later, so the process must also carry this cluster's directory on its command line.
process_of() { # NAME
    local pid
    pid=$(cat "$run/$1.pid" 2>/dev/null) || return 1
    place "$1" grep -qsaF "$dir/" "/proc/$pid/cmdline" && echo "$pid"
}

start() { # NAME COMMAND...
    local name=$1
    shift
    printf '%q ' "$@" >"$run/$name.command"
    start_again "$name"
}

start_again() { # NAME
    process_of "$1" >/dev/null && return
    local command
    command=$(cat "$run/$1.command" 2>/dev/null) || die "$1 is no part of the cluster in $dir"
    place "$1" bash -c "cd / && exec 9>&-; setsid $command </dev/null >>'$dir/$1.log' 2>&1 & echo \$!" >"$run/$1.pid"
}

signal() { # SIGNAL NAME
    local pid
    pid=$(process_of "$2") || return 0
    place "$2" kill -s "$1" "$pid"
}

kubectl() { "$dir/bin/kubectl" --kubeconfig "$dir/kubeconfig" "$@"; }
