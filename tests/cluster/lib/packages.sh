# The Debian packages that a node needs.
# shellcheck shell=bash

node_packages=(containerd runc containernetworking-plugins busybox-static iproute2 iptables prometheus)

install_packages() {
    local absent=() package
    for package in "${node_packages[@]}"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || absent+=("$package")
    done
    [ ${#absent[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || missing "the node needs these Debian packages, and there is no apt-get: ${absent[*]}"
    is_root || missing "the node needs these Debian packages, and only root can install them: apt-get install ${absent[*]}"
    say "installing ${absent[*]}"
    without_services apt_install "${absent[@]}" || missing "apt-get could not install: ${absent[*]} (see the lines above)"
    disable_services "${absent[@]}"
}

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -qq --no-install-recommends "$@"; } >&2
}

# Debian starts a service as soon as it is installed, unless this file says otherwise.
without_services() {
    local policy=/usr/sbin/policy-rc.d status=0
    if [ -e "$policy" ]; then
        "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    "$@" || status=$?
    rm -f "$policy"
    return "$status"
}

disable_services() {
    local package
    command -v systemctl >/dev/null || return 0
    for package in "$@"; do
        case $package in
            containerd | prometheus) systemctl disable --quiet "$package" 2>/dev/null || say "could not disable the service $package" ;;
        esac
    done
}
