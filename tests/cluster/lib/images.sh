# The two images of the tests, made from what is on this machine: no registry is asked.
# shellcheck shell=bash

import_images() {
    local images=$dir/images
    mkdir -p "$images/pause" "$images/busybox"/{bin,dev,etc,proc,root,sys,tmp,var}
    cp "$pause" "$images/pause/pause"
    cp /bin/busybox "$images/busybox/bin/busybox"
    /bin/busybox --list | while read -r applet; do
        [ "$applet" = busybox ] || ln -sf busybox "$images/busybox/bin/$applet"
    done
    chmod 1777 "$images/busybox/tmp"
    echo 'root:x:0:0:root:/root:/bin/sh' >"$images/busybox/etc/passwd"
    echo 'root:x:0:' >"$images/busybox/etc/group"
    import_image pause '"/pause"'
    import_image busybox '"/bin/sh"'
    rm -rf "$images"
}

# A docker archive: one layer, its configuration, and a manifest that names both.
import_image() { # NAME COMMAND
    local archive=$dir/images/$1.archive
    mkdir -p "$archive"
    tar --owner 0 --group 0 -C "$dir/images/$1" -cf "$archive/layer.tar" .
    cat >"$archive/config.json" <<JSON
{"architecture": "$(machine)", "os": "linux", "config": {"Cmd": [$2], "Env": ["PATH=/bin"]},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$(sha256sum "$archive/layer.tar" | cut -d ' ' -f 1)"]}}
JSON
    echo "[{\"Config\": \"config.json\", \"RepoTags\": [\"docker.io/local/$1:1\"], \"Layers\": [\"layer.tar\"]}]" >"$archive/manifest.json"
    tar -C "$archive" -cf "$archive.tar" manifest.json config.json layer.tar
    on_node ctr --namespace k8s.io images import "$archive.tar" >>"$dir/containerd.log" 2>&1 || died containerd "the image $1 could not be imported"
}

machine() { case $(uname -m) in x86_64) echo amd64 ;; aarch64) echo arm64 ;; *) uname -m ;; esac; }
