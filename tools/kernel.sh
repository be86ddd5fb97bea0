#!/usr/bin/env bash
# Runs a program in a virtual machine with Debian's kernel, which grants what the
# kernel underneath may not: groups of processes of version 2, with memory.
#
#   tools/kernel.sh PROGRAM ARGUMENT...
#
# The machine sees this one's files, read-only and with memory on top, has no network, and
# starts PROGRAM as root. Where it cannot be had (no Debian on x86-64, no qemu) the script says so and fails.
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/sluice-kernel
program=$(realpath "$1"); shift

cannot() { echo "tools/kernel.sh: $1" >&2; exit 1; }
for tool in qemu-system-x86_64 busybox modinfo dpkg-deb apt-get; do
  command -v "$tool" >/dev/null || cannot "there is no $tool"
done

# Debian's kernel, as its package manager verifies it.
image=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
[ -n "$image" ] || cannot "apt-cache names no kernel: run apt-get update"
if [ ! -d "$cache/$image" ]; then
  echo "fetching $image (70 MB)" >&2
  mkdir -p "$cache"
  new=$(mktemp -d "$cache/new-XXXXXX")
  trap 'rm -rf "$new"' EXIT
  (cd "$new" && apt-get download -qq "$image" && dpkg-deb -x ./*.deb kernel) >&2 || cannot "$image cannot be had"
  mv "$new/kernel" "$cache/$image" 2>/dev/null || [ -d "$cache/$image" ] # another one was faster
fi
kernel=$cache/$image
modules=$(echo "$kernel"/lib/modules/*/kernel)

work=$(mktemp -d)
trap 'rm -rf "$work" "${new:-}"' EXIT

# needs MODULE... prints the files of modules, after those that they need.
needs() {
  local m d file
  for m in "$@"; do
    file=$(find "$modules" -name "${m//_/[_-]}.ko" | head -n 1)
    [ -n "$file" ] || continue # built in
    for d in $(modinfo -F depends "$file" | tr , ' '); do needs "$d"; done
    echo "$file"
  done
}

mkdir -p "$work"/root/{bin,mod,proc,sys,dev,host,over,new} "$work/share"
cp "$(command -v busybox)" "$work/root/bin/busybox"
needs virtio_pci 9pnet_virtio 9p overlay vsock_loopback | awk '!seen[$0]++' | while read -r file; do
  cp "$file" "$work/root/mod/"
  basename "$file" >>"$work/root/order"
done
cp "$program" "$work/share/program"
printf '%q ' "$@" >"$work/share/arguments"
cat >"$work/root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
while read -r m; do insmod "/mod/$m"; done </order
mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=512000,cache=loose host /host
mount -t tmpfs over /over; mkdir /over/upper /over/work
mount -t overlay -o lowerdir=/host,upperdir=/over/upper,workdir=/over/work over /new
mount -t proc proc /new/proc; mount -t sysfs sys /new/sys; mount -t devtmpfs dev /new/dev
mkdir -p /new/dev/shm; mount -t tmpfs shm /new/dev/shm; mount -t tmpfs tmp /new/tmp; mount -t tmpfs run /new/run
mount -t cgroup2 groups /new/sys/fs/cgroup
ip link set lo up
mkdir /new/tmp/share; mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose share /new/tmp/share
umount /proc; umount /sys
exec switch_root /new /bin/bash /tmp/share/start
INIT
chmod +x "$work/root/init"
cat >"$work/share/start" <<'START'
export PATH=/usr/local/go/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root TMPDIR=/tmp CI=true SANDBOX_LIMITS=full
cp /tmp/share/program /tmp/program # one that every user can execute
cd "$(cat /tmp/share/folder)"
eval "/tmp/program $(cat /tmp/share/arguments)"
echo "exit status $?"
echo o >/proc/sysrq-trigger
while :; do read -r -t 60 _ </dev/console; done
START
pwd >"$work/share/folder"
(cd "$work/root" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initrd"

accel=tcg,thread=multi
! grep -qwE 'vmx|svm' /proc/cpuinfo || [ ! -w /dev/kvm ] || accel=kvm
timeout 1500 qemu-system-x86_64 -M q35 -accel "$accel" -cpu max -smp 2 -m 3G -nographic -no-reboot -net none \
  -kernel "$kernel"/boot/vmlinuz-* -initrd "$work/initrd" -append "console=ttyS0 quiet panic=-1" \
  -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
  -virtfs "local,path=$work/share,mount_tag=share,security_model=none,readonly=on" </dev/null 2>&1 | tr -d '\r' | tee "$work/log"
grep -qx 'exit status 0' "$work/log"
