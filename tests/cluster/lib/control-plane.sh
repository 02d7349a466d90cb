# etcd, the API server, the controllers and the scheduler. None of it needs root.
# shellcheck shell=bash

start_control_plane() { # LEVEL
    local etcd peer secure server
    etcd=$(free_port)
    peer=$(free_port)
    secure=$(free_port)
    server=https://$address:$secure
    printf 'etcd=%s\npeer=%s\nserver=%s\n' "http://127.0.0.1:$etcd" "http://127.0.0.1:$peer" "$server" >"$dir/endpoints"
    make_certificates "$address" "$services.0.1"
    make_kubeconfigs "$server"
    start_etcd "http://127.0.0.1:$etcd" "http://127.0.0.1:$peer"
    start_apiserver "$1" "http://127.0.0.1:$etcd" "$secure"
    wait_for 90 kubectl get --raw /readyz || died kube-apiserver "the API server was not ready after 90 s"
    [ "$1" = api ] || start_controllers
    wait_for 30 kubectl get namespace default || die "the API server made no namespace in 30 s"
    [ "$1" = api ] || wait_for 30 kubectl get serviceaccount default || died kube-controller-manager "the controllers made no ServiceAccount in 30 s"
}

died() { # NAME MESSAGE
    tail -n 15 "$dir/$1.log" >&2 || true
    die "$2; the log above is $dir/$1.log"
}

start_etcd() { # CLIENT_URL PEER_URL
    start etcd "$dir/bin/etcd" --data-dir "$dir/etcd" --unsafe-no-fsync --log-level warn \
        --listen-client-urls "$1" --advertise-client-urls "$1" \
        --listen-peer-urls "$2" --initial-advertise-peer-urls "$2" --initial-cluster "default=$2"
}

start_apiserver() { # LEVEL ETCD PORT
    local flags=()
    # Nobody makes the ServiceAccounts that this plugin asks for.
    [ "$1" != api ] || flags+=(--disable-admission-plugins ServiceAccount)
    [ "$1" = node ] || flags+=(--endpoint-reconciler-type none)
    [ "$audit_log" = no ] || flags+=(--audit-policy-file "$cluster_source/audit-policy.yaml" --audit-log-path "$dir/audit.log")
    [ -z "$event_ttl" ] || flags+=(--event-ttl "$event_ttl")
    [ -z "$feature_gates" ] || flags+=(--feature-gates "$feature_gates")
    start kube-apiserver "$dir/bin/kube-apiserver" \
        --etcd-servers "$2" --bind-address "$address" --advertise-address "$address" --secure-port "$3" \
        --cert-dir "$pki" --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
        --client-ca-file "$pki/ca.crt" --authorization-mode Node,RBAC --allow-privileged \
        --service-account-issuer https://kubernetes.default.svc --service-cluster-ip-range "$services.0.0/16" \
        --service-account-key-file "$pki/service-accounts.pub" --service-account-signing-key-file "$pki/service-accounts.key" \
        --kubelet-client-certificate "$pki/apiserver-to-kubelet.crt" --kubelet-client-key "$pki/apiserver-to-kubelet.key" \
        --kubelet-preferred-address-types InternalIP "${flags[@]}" "${apiserver_flags[@]}"
}

start_controllers() {
    # Without its own credentials for each, the controllers start and are forbidden everything.
    start kube-controller-manager "$dir/bin/kube-controller-manager" \
        --kubeconfig "$pki/controller-manager.kubeconfig" --leader-elect=false --secure-port 0 --use-service-account-credentials \
        --service-account-private-key-file "$pki/service-accounts.key" --root-ca-file "$pki/ca.crt" "${controllers_flags[@]}"
    start kube-scheduler "$dir/bin/kube-scheduler" \
        --kubeconfig "$pki/scheduler.kubeconfig" --leader-elect=false --secure-port 0
}
