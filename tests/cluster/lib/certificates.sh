# Keys, certificates and kubeconfigs, all signed by one authority that lives as long as the cluster.
# shellcheck shell=bash

key() { openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl pkcs8 -topk8 -nocrypt -out "$pki/$1.key"; }

certificate() { # NAME SUBJECT EXTENSIONS
    key "$1"
    openssl req -new -key "$pki/$1.key" -subj "$2" |
        openssl x509 -req -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -set_serial "0x$(openssl rand -hex 8)" -days 365 \
            -extfile <(printf '%s\n' "$3") -out "$pki/$1.crt" 2>/dev/null
}

client_certificate() { certificate "$1" "$2" extendedKeyUsage=clientAuth; } # NAME SUBJECT

make_certificates() { # ADDRESS SERVICE_ADDRESS
    command -v openssl >/dev/null || missing "no cluster without openssl"
    mkdir -p "$pki"
    key ca
    openssl req -x509 -new -key "$pki/ca.key" -subj /CN=hookaudit-test -days 365 -out "$pki/ca.crt"
    key service-accounts
    openssl pkey -in "$pki/service-accounts.key" -pubout -out "$pki/service-accounts.pub"
    certificate apiserver /CN=kube-apiserver "extendedKeyUsage=serverAuth
subjectAltName=IP:127.0.0.1,IP:$1,IP:$2,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
    client_certificate admin "/O=system:masters/CN=admin"
    client_certificate apiserver-to-kubelet "/O=system:masters/CN=apiserver-to-kubelet"
    client_certificate controller-manager "/CN=system:kube-controller-manager"
    client_certificate scheduler "/CN=system:kube-scheduler"
    client_certificate proxy "/CN=system:kube-proxy"
    client_certificate kubelet "/O=system:nodes/CN=system:node:$node_name"
}

kubeconfig_with() { # SERVER USER_YAML
    cat <<YAML
apiVersion: v1
kind: Config
current-context: hookaudit-test
contexts: [{name: hookaudit-test, context: {cluster: hookaudit-test, user: user}}]
clusters:
  - name: hookaudit-test
    cluster:
      server: $1
      certificate-authority-data: $(base64 -w 0 "$pki/ca.crt")
users: [{name: user, user: {$2}}]
YAML
}

kubeconfig() { # SERVER CERTIFICATE_NAME
    kubeconfig_with "$1" "client-certificate-data: $(base64 -w 0 "$pki/$2.crt"), client-key-data: $(base64 -w 0 "$pki/$2.key")"
}

make_kubeconfigs() { # SERVER
    local name
    umask 077
    for name in controller-manager scheduler proxy kubelet; do kubeconfig "$1" "$name" >"$pki/$name.kubeconfig"; done
    kubeconfig "$1" admin >"$dir/kubeconfig"
    umask 022
}
