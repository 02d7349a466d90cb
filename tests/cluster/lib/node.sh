# One node in namespaces of its own, joined to the host by one link: containerd, kubelet, kube-proxy.
# shellcheck shell=bash

check_node_is_possible() {
    is_root || missing "the node needs root"
    case $dir/ in
        /run/* | /var/run/* | /var/lib/* | /var/log/*) die "--dir may not be below /run, /var/lib or /var/log: the node has its own" ;;
    esac
    install_packages
}

make_node_namespaces() {
    local module
    for module in overlay br_netfilter nf_conntrack; do modprobe --quiet "$module" 2>/dev/null || true; done
    setsid unshare --mount --net --pid --ipc --uts --fork --kill-child --propagation slave -- \
        bash "$cluster_source/lib/node-init.sh" "$dir" "$node_name" 9>&- </dev/null >>"$dir/node.log" 2>&1 &
    wait_for 10 test -s "$run/node.pid" || died node "this machine does not allow the node its own namespaces"
    make_link
    make_cgroups
}

# The link's name is also the claim on its number, and so on three networks: two clusters never share them.
make_link() {
    local number node
    node=$(cat "$run/node.pid")
    for number in {0..9}; do
        ip -4 route show table all | grep -qE "(^| )10\.2[123]$number\." && continue
        ip link add "hookaudit$number" type veth peer name eth0 netns "$node" 2>/dev/null && break
        [ "$number" != 9 ] || die "no free network for the node's link: 10.210.0.0 to 10.239.255.255 are all taken"
    done
    ip link set "hookaudit$number" alias "$dir"
    echo "hookaudit$number" >"$run/link"
    use_networks "$number"
    ip address add "$address/30" dev "hookaudit$number"
    ip link set "hookaudit$number" up
    on_node ip address add "$node_address/30" dev eth0
    on_node ip link set eth0 up
    on_node ip route add default via "$address"
    ip route add "$pods.0.0/16" via "$node_address"
    ip route add "$services.0.0/16" via "$node_address"
}

# The link goes with the node, but not at once.
delete_link() {
    local link
    for link in /sys/class/net/hookaudit[0-9]; do
        [ "$(cat "$link/ifalias" 2>/dev/null)" != "$dir" ] || ip link delete "${link##*/}" 2>/dev/null || true
    done
}

use_networks() { # NUMBER
    pods=10.21$1
    services=10.22$1
    address=10.23$1.0.1
    node_address=10.23$1.0.2
}

cgroup_mounts() { awk '$3 == "cgroup" || $3 == "cgroup2" {print $2}' /proc/mounts; }

make_cgroups() {
    local mount cgroup controllers controller
    cgroup=$(cat "$run/link")
    while read -r mount; do
        mkdir -p "$mount/$cgroup"
        [ -e "$mount/cgroup.controllers" ] || continue
        read -ra controllers <"$mount/cgroup.controllers" || true
        for controller in "${controllers[@]}"; do
            { echo "+$controller" >"$mount/cgroup.subtree_control"; } 2>/dev/null || true
            { echo "+$controller" >"$mount/$cgroup/cgroup.subtree_control"; } 2>/dev/null || true
        done
    done < <(cgroup_mounts)
}

# A cgroup without the link of its name belongs to no node any more.
remove_stale_cgroups() {
    local mount cgroup
    while read -r mount; do
        for cgroup in "$mount"/hookaudit[0-9]; do
            if [ -d "$cgroup" ] && [ ! -e "/sys/class/net/${cgroup##*/}" ]; then
                find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || return 1
            fi
        done
    done < <(cgroup_mounts)
}

start_node() {
    write_containerd_config
    write_kubelet_config
    write_proxy_config
    start containerd containerd --config "$dir/node/containerd.toml"
    wait_for 30 on_node ctr version || died containerd "containerd did not answer in 30 s"
    import_images
    start kubelet "$dir/bin/kubelet" --config "$dir/node/kubelet.yaml" --kubeconfig "$pki/kubelet.kubeconfig" \
        --hostname-override "$node_name" --node-ip "$node_address" -v=4 "${kubelet_flags[@]}"
    start kube-proxy "$dir/bin/kube-proxy" --config "$dir/node/proxy.yaml" --hostname-override "$node_name"
    wait_for 120 kubectl wait --for=condition=Ready --timeout=1s "node/$node_name" || died kubelet "the node was not Ready after 120 s"
}

write_containerd_config() {
    mkdir -p "$dir/node/cni"
    # restrict_oom_score_adj: the capability to lower it may be missing, as in a container.
    cat >"$dir/node/containerd.toml" <<'TOML'
version = 2
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/local/pause:1"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
TOML
    echo "  conf_dir = \"$dir/node/cni\"" >>"$dir/node/containerd.toml"
    cat >"$dir/node/cni/10-bridge.conflist" <<JSON
{
  "cniVersion": "0.4.0",
  "name": "hookaudit",
  "plugins": [
    {
      "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
      "ipam": {"type": "host-local", "ranges": [[{"subnet": "$pods.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
JSON
    cat >"$dir/node/cni/99-loopback.conf" <<'JSON'
{"cniVersion": "0.4.0", "name": "lo", "type": "loopback"}
JSON
}

write_kubelet_config() {
    # clusterDNS names nobody: without it every pod gets a warning Event, which eats its budget of Events.
    # imageGCHighThresholdPercent 100: what is deleted could not be pulled again.
    cat >"$dir/node/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
cgroupRoot: /$(cat "$run/link")
clusterDNS: [$services.0.10]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
enforceNodeAllocatable: []
evictionHard: {memory.available: 1%, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}
failCgroupV1: false
failSwapOn: false
imageGCHighThresholdPercent: 100
resolvConf: /dev/null
YAML
    if [ -n "$feature_gates" ]; then
        echo "featureGates: {${feature_gates//=/: }}" | sed 's/,/, /g' >>"$dir/node/kubelet.yaml"
    fi
}

write_proxy_config() {
    # conntrack: these belong to the host, and stay as they are.
    cat >"$dir/node/proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $pki/proxy.kubeconfig}
clusterCIDR: $pods.0.0/16
mode: iptables
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
}
