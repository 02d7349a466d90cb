#!/usr/bin/env bash
# The first process of the node: it makes a small machine of its own namespaces and waits. When it is killed, the kernel
# ends every process of the node, and with them go its mounts, devices, routes and firewall rules.
set -euo pipefail
dir=$1 name=$2

# Read before the namespace gets its own /proc: this is the pid as the host sees it.
read -r pid _ </proc/self/stat

mount --make-rshared /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
for path in lib log; do
    mkdir -p "$dir/node/$path"
    mount --bind "$dir/node/$path" "/var/$path"
done

# The kubelet sets these for the whole machine; here it sets copies.
mkdir -p "$dir/node/sysctl"
for key in kernel/keys/root_maxbytes kernel/keys/root_maxkeys kernel/panic kernel/panic_on_oops vm/overcommit_memory vm/panic_on_oom; do
    [ -e "/proc/sys/$key" ] || continue
    cat "/proc/sys/$key" >"$dir/node/sysctl/${key//\//.}"
    mount --bind "$dir/node/sysctl/${key//\//.}" "/proc/sys/$key"
done

hostname "$name" 2>/dev/null || echo "$name" >/proc/sys/kernel/hostname
ip link set lo up
echo "$pid" >"$dir/run/node.pid"

# As process 1 it also reaps whoever loses its parent.
while :; do
    sleep 3600 &
    wait $! || true
done
