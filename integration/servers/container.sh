# SPDX-License-Identifier: Apache-2.0
#
# usage: sh -eu container.sh ROOT DIR PROGRAM [ARGUMENT...]
#
# Become PROGRAM in a container, the way container runtimes do it: the root file
# system ROOT as a read-only overlay, a /proc of its own, and nothing of the host
# but /dev and the directory DIR, which keeps its path. Must be started as the
# first process of a new pid namespace in a new mount namespace; all mounts are
# gone when it ends, because the last process of that namespace is.
root=$1 dir=$2
shift 2
mount --make-rprivate /
# An overlay needs a mount point for DIR without a change to ROOT: a layer of
# its own on top has nothing else.
mkdir -p "$dir/container/layer$dir" "$dir/container/root"
cd "$dir/container/root"
mount -t overlay -o "lowerdir=$dir/container/layer:$root" spanbridge .
cd "$dir/container/root"
mount --bind "$dir" ".$dir"
mount --bind /dev dev
mount -t proc proc proc
# The old root is stacked on the new one and then taken off, see pivot_root(2).
pivot_root . .
umount -l .
exec "$@"
