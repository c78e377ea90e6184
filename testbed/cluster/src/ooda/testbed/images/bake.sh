#!/bin/bash
# Runs in a container of the node's own base image, so that the same containerd unpacks the
# images as will run them: /bake/images.tar becomes /bake/containerd.tar.
set -eu
cat > /tmp/config.toml << 'CONFIG'
version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
CONFIG
containerd --config /tmp/config.toml --log-level warn &
containerd=$!
until ctr version > /dev/null 2>&1; do sleep 0.1; done
ctr --namespace k8s.io images import --snapshotter overlayfs /bake/images.tar
# The unpacked snapshots are enough to run from; the compressed layers would double the size.
find /var/lib/containerd/io.containerd.content.v1.content/blobs -type f -size +512k -printf 'sha256:%f\n' |
  xargs --no-run-if-empty ctr --namespace k8s.io content rm
kill "$containerd"
wait "$containerd" || true
tar -C /var/lib/containerd -cf /bake/containerd.tar .
# What root made in here must be deletable by whoever owns the folder.
find /var/lib/containerd -mindepth 1 -delete
