# SPDX-License-Identifier: Apache-2.0
#
# usage: sh -eu box.sh bind|overlay GROUP DIR PROGRAM [ARGUMENT...]
#
# Become PROGRAM in the control group GROUP, with the host's files by a bind
# mount or an overlay as the root of a mount namespace, and with a /proc of its
# own. DIR is writable, and keeps its path. Must be started as the first process
# of a pid namespace, in a new mount namespace.
how=$1 group=$2 dir=$3
shift 3
echo 0 >"$group/cgroup.procs"
mount --make-rprivate /
# Elsewhere than on the disk, which an overlay of it must not lie in.
mkdir -p "$dir/box"
mount -t tmpfs box "$dir/box"
mkdir -p "$dir/box/root" "$dir/box/layer$dir"
case $how in
bind) mount --bind / "$dir/box/root" ;;
overlay) mount -t overlay -o "lowerdir=$dir/box/layer:/" box "$dir/box/root" ;;
esac
cd "$dir/box/root"
mount --bind "$dir" ".$dir"
mount --rbind /dev dev
mount -t proc proc proc
pivot_root . .
umount -l .
cd /
exec "$@"
