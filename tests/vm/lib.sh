# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Virtual machines for tests, from Debian packages alone. Sourced.
#
#   vm_prepare                       makes the guest's disk and kernels below $VM, once
#   vm_boot KERNEL PAYLOAD OUTPUT [QEMU ARGUMENT...]
#   vm_prepare_layer PACKAGE...      a tree of what these packages add to the guest's, once: $VM_LAYER
#   vm_install BUILD DIRECTORY       what Cocoon installs, in DIRECTORY/install; as the guest has it, in DIRECTORY/tree
#
# The guest mounts the payload, a directory, and runs its file `run`; what that writes to /dev/virtio-ports/test is
# OUTPUT/test, the console OUTPUT/console. Nothing that the guest writes to its disk stays.
#
# VM_OVERLAYS          trees whose files are put among the guest's before systemd starts, an array
# VM_APPEND            words for its kernel's command line
# VM_CPUS              processors of its guest [2]
#
# COCOON_VM_CACHE      where disk and kernels are kept [build/vm]
# COCOON_VM_TIMEOUT    seconds that a guest may run [900]

export VM_RELEASE=trixie
VM_OVERLAYS=()
VM_PACKAGES=(
        systemd systemd-sysv udev dbus kmod initramfs-tools zstd cryptsetup-bin dmsetup erofs-utils
        libcryptsetup12 libcurl4t64 libjson-c5 libssl3t64 libsystemd0 libxml2 libxmlsec1t64-openssl
        linux-image-amd64
)
# Of the kernel's modules: what no virtual machine has.
VM_EXCLUDES=(
        drivers/{gpu,media,infiniband,isdn,staging,usb,bluetooth,iio,mtd,scsi,target,hwmon,power,thermal}
        drivers/net/{ethernet,wireless,usb,can,dsa} net/{bluetooth,wireless,mac80211,netfilter} sound
)

vm_skip() {
        echo "1..0 # SKIP $*"
        exit 77
}

# The mirror that this machine itself uses.
vm_mirror() {
        cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
                grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' '
}

vm_service() {
        cat <<'END'
[Unit]
Description=Test Payload
After=basic.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'mkdir -p /payload && mount -o ro /dev/disk/by-id/virtio-payload /payload && /payload/run'
ExecStopPost=systemctl poweroff --force
StandardOutput=journal+console
StandardError=journal+console
END
}

# Of the initrd: unpacks what vm_overlay() made. A root that is mounted read-only, "ro" for the kernel, gets a layer in
# memory for what is written.
vm_unpack() {
        cat <<'END'
#!/bin/sh
[ "$1" = prereqs ] && exit 0
case " $(cat /proc/cmdline) " in
*" ro "*)
        modprobe overlay
        mkdir -p /layer
        mount -t tmpfs tmpfs /layer
        mkdir /layer/upper /layer/work
        mount -t overlay -o "lowerdir=$rootmnt,upperdir=/layer/upper,workdir=/layer/work" overlay "$rootmnt"
esac
for tree in /overlay/*.tar; do
        [ -e "$tree" ] && chroot "$rootmnt" /usr/bin/tar -xf - -C / --keep-directory-symlink --no-same-owner <"$tree"
done
exit 0
END
}

# Into the tree that mmdebstrap made: a small initrd, no login on the console, the payload's service.
vm_customize() {
        cat <<'END'
set -e
printf '%s\n' virtio_pci virtio_blk ext4 overlay >>"$1/etc/initramfs-tools/modules"
sed -i 's/^MODULES=.*/MODULES=list/' "$1/etc/initramfs-tools/initramfs.conf"
chmod 755 "$1/etc/initramfs-tools/scripts/init-bottom/overlay"
chroot "$1" apt-get install -y -t "$VM_RELEASE-backports" linux-image-amd64
chroot "$1" update-initramfs -u -k all
chroot "$1" systemctl mask serial-getty@ttyS0.service getty.target
chroot "$1" systemctl enable payload.service
END
}

vm_make_tree() {
        local dir=$1 mirror part exclude=()

        for part in "${VM_EXCLUDES[@]}"; do
                exclude+=("--dpkgopt=path-exclude=/usr/lib/modules/*/kernel/$part/*")
        done
        mirror=$(vm_mirror)
        [[ -n $mirror ]] || vm_skip "no Debian mirror in this machine's apt sources"
        vm_service >"$dir/payload.service"
        printf '[Install]\nWantedBy=multi-user.target\n' >>"$dir/payload.service"
        vm_customize >"$dir/customize"
        vm_unpack >"$dir/overlay"
        mmdebstrap --variant=minbase --include="$(IFS=,; echo "${VM_PACKAGES[*]}")" \
                "${exclude[@]}" \
                --essential-hook="copy-in $dir/payload.service /etc/systemd/system" \
                --customize-hook="copy-in $dir/overlay /etc/initramfs-tools/scripts/init-bottom" \
                --customize-hook="sh $dir/customize \"\$1\"" "$VM_RELEASE" "$dir/tree" \
                "deb $mirror $VM_RELEASE main" "deb $mirror $VM_RELEASE-backports main" >"$dir/log" 2>&1
}

# The cache is named by what goes into it.
vm_prepare() {
        local cache=${COCOON_VM_CACHE:-build/vm} tool key dir kernel

        for tool in mmdebstrap qemu-system-x86_64 mke2fs cpio; do
                command -v "$tool" >/dev/null || vm_skip "$tool is not installed"
        done
        key=$({ declare -f vm_service vm_customize vm_unpack vm_make_tree; echo "${VM_PACKAGES[*]} ${VM_EXCLUDES[*]}"; } | sha256sum)
        key=${key:0:16}
        VM=$cache/$VM_RELEASE-$key
        if [[ -d $VM ]]; then
                return
        fi
        ((EUID == 0)) || vm_skip "only root can make the guest's tree, $VM"
        mkdir -p "$cache"
        dir=$(mktemp -d "$(readlink -f "$cache")/new.XXXXXX")
        if ! vm_make_tree "$dir"; then
                tail -n 20 "$dir/log" | sed 's/^/# /'
                rm -rf "$dir"
                vm_skip "the guest's packages cannot be had"
        fi
        for kernel in "$dir"/tree/boot/vmlinuz-*; do
                mv "$kernel" "$dir/tree/boot/initrd.img-${kernel##*/vmlinuz-}" "$dir"
        done
        mke2fs -q -t ext4 -L cocoon-root -d "$dir/tree" "$dir/root.img" 2g >/dev/null
        rm -rf "$dir/tree"
        mv "$dir" "$VM" 2>/dev/null || rm -rf "$dir"
}

# A few more packages for one test, without another disk: unpacked and not configured, after vm_prepare().
vm_prepare_layer() {
        local cache=${COCOON_VM_CACHE:-build/vm} key mirror dir

        key=$({ declare -f vm_prepare_layer; basename "$VM"; echo "$*"; } | sha256sum)
        VM_LAYER=$cache/layer-$VM_RELEASE-${key:0:16}
        [[ ! -d $VM_LAYER ]] || return 0
        mirror=$(vm_mirror)
        [[ -n $mirror ]] || vm_skip "no Debian mirror in this machine's apt sources"
        command -v debugfs >/dev/null || vm_skip "debugfs is not installed"
        dir=$(mktemp -d "$(readlink -f "$cache")/new.XXXXXX")
        # What the guest has need not be fetched.
        debugfs -R 'cat /var/lib/dpkg/status' "$VM/root.img" >"$dir/status" 2>/dev/null
        if ! mmdebstrap --variant=extract --include="$(IFS=,; echo "$*")" \
                --setup-hook="cp '$dir/status' \"\$1/var/lib/dpkg/status\"" "$VM_RELEASE" "$dir/tree" \
                "deb $mirror $VM_RELEASE main" >"$dir/log" 2>&1; then
                tail -n 20 "$dir/log" | sed 's/^/# /'
                rm -rf "$dir"
                vm_skip "the packages $* cannot be had"
        fi
        rm -rf "$dir"/tree/{dev,etc/{apt,fstab,hostname,resolv.conf},run,tmp,usr/share/{doc,locale,man,perl5},var}
        mv -T "$dir/tree" "$VM_LAYER" 2>/dev/null
        rm -rf "$dir"
}

vm_install() {
        local build=$1 install=$2/install tree=$2/tree

        DESTDIR=$install meson install -C "$build" --no-rebuild --quiet
        mkdir -p "$tree"/{usr,etc}
        cp -a "$install/usr/." "$tree/usr"
        # The guest's /lib is a link.
        [[ ! -d $install/lib ]] || cp -a "$install/lib/." "$tree/usr/lib"
        [[ ! -d $install/etc ]] || cp -a "$install/etc/." "$tree/etc"
        rm -rf "$tree"/usr/local/share/man
        strip "$tree"/usr/local/{bin,libexec/cocoon}/*
}

# Whether KVM runs a guest here; that there is a /dev/kvm says little.
vm_accelerator() {
        local kernel

        kernel=$(find "$VM" -name 'vmlinuz-*' | head -n 1)
        if timeout 15 qemu-system-x86_64 -accel kvm -cpu max -m 256 -nographic -no-reboot -nic none \
                -kernel "$kernel" -append "console=ttyS0 panic=-1" </dev/null 2>&1 | grep -q 'Linux version'; then
                echo kvm
        else
                echo tcg,thread=multi
        fi
}

# vm_overlay OUTPUT TREE...: an initrd that brings the trees, in their order.
vm_overlay() {
        local output=$1 dir number=0 tree

        shift
        dir=$(mktemp -d)
        mkdir "$dir/overlay"
        for tree in "$@"; do
                number=$((number + 1))
                tar -cf "$dir/overlay/$number.tar" --owner=0 --group=0 -C "$tree" .
        done
        (cd "$dir" && find overlay | cpio --quiet -o -H newc) >"$output"
        rm -rf "$dir"
}

vm_boot() {
        local kernel=$1 payload=$2 output=$3 initrd=$VM/initrd.img-$1
        # On a machine with much to do its interrupts come too late for the kernel's test, which panics.
        local timer=no_timer_check

        shift 3
        if ((${#VM_OVERLAYS[@]} > 0)); then
                cp "$initrd" "$output/initrd"
                # The kernel takes an archive behind another only where it is aligned.
                truncate -s %4 "$output/initrd"
                vm_overlay "$output/overlay" "${VM_OVERLAYS[@]}"
                cat "$output/overlay" >>"$output/initrd"
                initrd=$output/initrd
        fi
        : "${VM_ACCELERATOR:=$(vm_accelerator)}"
        mke2fs -q -t ext4 -d "$payload" "$output/payload.img" 64m >/dev/null
        timeout "${COCOON_VM_TIMEOUT:-900}" qemu-system-x86_64 -accel "$VM_ACCELERATOR" -cpu max -m 1024 -smp "${VM_CPUS:-2}" \
                -machine q35 -display none -monitor none -nic none -no-reboot -serial "file:$output/console" \
                -kernel "$VM/vmlinuz-$kernel" -initrd "$initrd" \
                -append "root=LABEL=cocoon-root rw console=ttyS0 quiet systemd.show_status=0 panic=-1 $timer ${VM_APPEND:-}" \
                -drive "file=$VM/root.img,if=virtio,format=raw,snapshot=on" \
                -drive "file=$output/payload.img,if=none,id=payload,format=raw,readonly=on" \
                -device virtio-blk-pci,drive=payload,serial=payload \
                -device virtio-serial-pci -chardev "file,id=test,path=$output/test" \
                -device virtserialport,chardev=test,name=test "$@" </dev/null >"$output/qemu" 2>&1
}

# vm_result LINE: of TAP, as a guest wrote it: numbered, and with the kernel that the guest ran. The tests have $number,
# $failed and $kernel. "done" is the guest's last word.
vm_result() {
        case $1 in
                'ok '*)     number=$((number + 1)); echo "ok $number - $kernel: ${1#ok }" ;;
                'not ok '*) number=$((number + 1)) failed=1; echo "not ok $number - $kernel: ${1#not ok }" ;;
                done)       finished=1 ;;
                *)          echo "$1" ;;
        esac
}

# vm_results OUTPUT: all that the guest wrote there. $finished says whether it came to its end.
vm_results() {
        local line

        finished=
        while IFS= read -r line; do
                vm_result "$line"
        done < <(tr -d '\r' <"$1/test")
}

# vm_disk FILE SERIAL: arguments that attach it, read-only.
vm_disk() {
        printf '%s\n' -drive "file=$1,if=none,id=disk-$2,format=raw,readonly=on" \
                -device "virtio-blk-pci,drive=disk-$2,serial=$2"
}

# A QEMU that knows vfio-user-pci, which the distribution's own may be too old for: that of the guest's release, unpacked
# and run with its own libraries. Sets VM_QEMU to a directory with a program qemu-system-x86_64 to be put in front of $PATH.
vm_prepare_qemu() {
        local cache=${COCOON_VM_CACHE:-build/vm} key mirror dir

        key=$({ declare -f vm_prepare_qemu vm_qemu_wrapper; } | sha256sum)
        VM_QEMU=$cache/qemu-$VM_RELEASE-${key:0:16}
        if [[ ! -d $VM_QEMU ]]; then
                mirror=$(vm_mirror)
                [[ -n $mirror ]] || vm_skip "no Debian mirror in this machine's apt sources"
                mkdir -p "$cache"
                dir=$(mktemp -d "$(readlink -f "$cache")/new.XXXXXX")
                if ! mmdebstrap --variant=extract --include=qemu-system-x86 \
                        --aptopt="APT::Default-Release \"$VM_RELEASE-backports\"" "$VM_RELEASE" "$dir/tree" \
                        "deb $mirror $VM_RELEASE main" "deb $mirror $VM_RELEASE-backports main" >"$dir/log" 2>&1; then
                        tail -n 20 "$dir/log" | sed 's/^/# /'
                        rm -rf "$dir"
                        vm_skip "a QEMU of $VM_RELEASE-backports cannot be had"
                fi
                vm_qemu_wrapper >"$dir/qemu-system-x86_64"
                chmod 755 "$dir/qemu-system-x86_64"
                mv "$dir" "$VM_QEMU" 2>/dev/null || rm -rf "$dir"
        fi
        VM_QEMU=$(readlink -f "$VM_QEMU")
}

vm_qemu_wrapper() {
        cat <<'END'
#!/bin/sh
tree=$(dirname "$(readlink -f "$0")")/tree
lib=$tree/usr/lib/x86_64-linux-gnu
QEMU_MODULE_DIR=$lib/qemu exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$tree/usr/bin/qemu-system-x86_64" \
        -L "$tree/usr/share/qemu" -L "$tree/usr/share/seabios" "$@"
END
}

# vm_prepare_kernel CONFIG: a kernel of the guest's release from its source, with CONFIG on top of tinyconfig and no
# modules, in place of the guest's own: sets VM to a directory as vm_prepare() makes them. It takes minutes, once. 1, and
# the reason in VM_REASON, when it cannot be built. Its guests have no initrd and need root=.
vm_prepare_kernel() {
        local cache=${COCOON_VM_CACHE:-build/vm} config=$1 root=$VM/root.img key dir tool

        key=$({ declare -f vm_prepare_kernel vm_build_kernel; cat "$config"; } | sha256sum)
        key=$cache/kernel-$VM_RELEASE-${key:0:16}
        if [[ ! -d $key ]]; then
                for tool in make gcc flex bison bc xz; do
                        command -v "$tool" >/dev/null || { VM_REASON="no kernel without $tool"; return 1; }
                done
                [[ -e /usr/include/gelf.h ]] || { VM_REASON="no kernel without libelf-dev"; return 1; }
                dir=$(mktemp -d "$(readlink -f "$cache")/new.XXXXXX")
                if ! vm_build_kernel "$dir" "$(readlink -f "$config")" >"$dir/log" 2>&1; then
                        tail -n 20 "$dir/log" | sed 's/^/# /'
                        rm -rf "$dir"
                        VM_REASON="the kernel cannot be built"
                        return 1
                fi
                mv "$dir" "$key" 2>/dev/null || rm -rf "$dir"
        fi
        ln -sfn "$(readlink -f "$root")" "$key/root.img"
        VM=$key
}

vm_build_kernel() {
        local dir=$1 config=$2 mirror version

        mirror=$(vm_mirror)
        [[ -n $mirror ]] && mmdebstrap --variant=extract --include=linux-source "$VM_RELEASE" "$dir/tree" \
                "deb $mirror $VM_RELEASE main" || return 1
        mkdir "$dir/source"
        tar -xJf "$dir"/tree/usr/src/linux-source-*.tar.xz -C "$dir/source" --strip-components=1 || return 1
        (cd "$dir/source" && make -s tinyconfig && ./scripts/kconfig/merge_config.sh -m .config "$config" &&
                make -s olddefconfig && make -j "$(nproc)" bzImage) || return 1
        version=$(make -s -C "$dir/source" kernelrelease)
        cp "$dir/source/arch/x86/boot/bzImage" "$dir/vmlinuz-$version"
        cpio --quiet -o -H newc </dev/null >"$dir/initrd.img-$version"
        rm -rf "$dir/tree" "$dir/source"
}
