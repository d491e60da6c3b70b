# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# A host of GPUs as a virtual machine: Cocoon installed, an IOMMU, and simulated GPUs that its kernel takes for real ones.
# Sourced, after lib.sh, vm_prepare() and vm_prepare_qemu(); the tests have $build, $work, $output and
#
#   kinds    of the GPUs, in the order of their root ports, which are the guest's buses from 1 on
#   plugged  how many of them are there at boot

# $work/tree; with a user who is in group cocoon and one who is not.
host_tree() {
        local tree=$work/tree

        vm_prepare_layer polkitd
        vm_install "$build" "$work"
        mkdir -p "$tree"/etc/{cocoon,systemd/system/systemd-sysusers.service.d,sysusers.d}
        # Packages that are only unpacked have had no users made for them.
        printf '[Unit]\nConditionNeedsUpdate=\n' >"$tree/etc/systemd/system/systemd-sysusers.service.d/test.conf"
        printf 'u operator -\nu stranger -\nm operator cocoon\n' >"$tree/etc/sysusers.d/test.conf"
}

# Sets $server.
host_simulator() {
        local i arguments=()

        for i in "${!kinds[@]}"; do
                arguments+=(--device "${kinds[$i]}:$output/gpu$i")
        done
        "$build/tests/sim/cocoon-sim-gpu" "${arguments[@]}" --time boot=300000 --control "$output/control" \
                --log "$output/log" >"$output/simulator" 2>&1 &
        server=$!
        for _ in {1..100}; do
                if grep -qs ready "$output/simulator"; then
                        break
                fi
                sleep 0.1
        done
}

# QEMU's arguments, one a line.
host_devices() {
        local i

        # With a wider address space BARs of what is plugged in later would come to lie where none may be.
        printf '%s\n' -cpu max,phys-bits=39
        printf '%s\n' -machine q35,kernel-irqchip=split -device intel-iommu,intremap=on,caching-mode=on
        for i in "${!kinds[@]}"; do
                printf '%s\n' -device "pcie-root-port,id=rp$i,slot=$((i + 1)),chassis=$((i + 1)),pref64-reserve=256M"
                ((i >= plugged)) || printf '%s\n' -device "$(host_gpu "$i")"
        done
        # The simulator's control socket, and QEMU's own, are ports of the guest's.
        printf '%s\n' -chardev "socket,id=sim,path=$output/control" -device virtserialport,chardev=sim,name=sim \
                -qmp "unix:$output/monitor,server=on,wait=off" \
                -chardev "socket,id=qmp,path=$output/monitor" -device virtserialport,chardev=qmp,name=qmp
}

host_gpu() {
        printf '{"driver":"vfio-user-pci","bus":"rp%u","id":"gpu%u","socket":{"type":"unix","path":"%s"}}' \
                "$1" "$1" "$output/gpu$1"
}

# host_boot KERNEL [QEMU ARGUMENT...]
host_boot() {
        local kernel=$1 arguments

        shift
        host_simulator
        mapfile -t arguments < <(host_devices)
        VM_OVERLAYS=("$VM_LAYER" "$work/tree")
        VM_APPEND=intel_iommu=on vm_boot "$kernel" "$work/payload" "$output" "${arguments[@]}" "$@"
        kill "$server"
        wait "$server"
        server=
}
