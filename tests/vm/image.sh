# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A confidential guest's image, with what Cocoon installs and a simulated GPU's driver library. Sourced, after lib.sh.

# image_state BUILD DIRECTORY: one machine for all guests: two GPUs, their certificates, RIMs and the authorities behind
# them, in DIRECTORY/state. While it is served here, a bundle is made of what its services say, as on any machine with a
# network: DIRECTORY/bundle. 1, and the reason in DIRECTORY/server, when that fails.
image_state() {
        local build=$1 dir=$2 server url status=0

        "$build/tests/sim/cocoon-sim" serve --device hopper --device hopper --state "$dir/state" \
                --socket "$dir/socket" --http 127.0.0.1:0 >"$dir/server" 2>&1 &
        server=$!
        for _ in {1..600}; do
                if grep -q '^ready' "$dir/server" || ! kill -0 "$server" 2>/dev/null; then
                        break
                fi
                sleep 0.1
        done
        url=http://$(sed -n 's/^http //p' "$dir/server")
        COCOON_SIM_SOCKET=$dir/socket LD_LIBRARY_PATH=$build/tests/sim \
                "$build/src/attest/cocoon-attest" collect -o "$dir/evidence.json" >>"$dir/server" 2>&1 &&
        "$build/src/attest/cocoon-attest" bundle --evidence "$dir/evidence.json" -o "$dir/bundle" \
                --rim-url "$url" --ocsp-url "$url" --allow-http --trust-anchors "$dir/state/anchors" >>"$dir/server" 2>&1 ||
                status=1
        kill "$server"
        wait "$server"
        # A disk is a multiple of its sectors.
        [[ ! -e $dir/bundle ]] || truncate -s %4096 "$dir/bundle"
        return $status
}

# image_tree BUILD DIRECTORY: what Cocoon installs, what a driver package would, and the simulator with the state that
# image_state() made, as the guest has them: DIRECTORY/tree.
image_tree() {
        local build=$1 dir=$2 tree=$2/tree here drop_in name

        here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/guest/image.d
        vm_install "$build" "$dir"
        mkdir -p "$tree"/usr/{lib/x86_64-linux-gnu,local/lib/cocoon-sim} "$tree"/etc/{systemd/system,cocoon,cocoon-sim}
        cp "$build"/tests/sim/libnvidia-{ml.so.1,nscq.so.2} "$tree/usr/lib/x86_64-linux-gnu/"
        cp "$build/tests/sim/cocoon-sim" "$tree/usr/local/lib/cocoon-sim/"
        strip "$tree"/usr/local/lib/cocoon-sim/*
        cp "$here"/*.service "$tree/etc/systemd/system/"
        for drop_in in "$here"/*.service.conf; do
                name=$(basename "$drop_in" .conf)
                mkdir -p "$tree/etc/systemd/system/$name.d"
                cp "$drop_in" "$tree/etc/systemd/system/$name.d/image.conf"
        done
        cp "$here/attest.conf" "$tree/etc/cocoon/"
        systemctl --quiet --root="$tree" enable cocoon-init.target
        cp -a "$dir/state" "$tree/etc/cocoon-sim/state"
        : >"$tree/etc/cocoon-sim/control"
}

# image_make DIRECTORY TREE...: the files of a worker's image-dir=, with the trees in it. Its GPUs are simulated in the guest, so
# that cocoon-launch, which gives it none, does not say that there are some: the image does.
image_make() {
        local dir=$1 kernel

        shift
        kernel=$(cd "$VM" && printf '%s\n' vmlinuz-* | sort -V | head -n 1)
        mkdir -p "$dir"
        cp "/usr/share/ovmf/OVMF.fd" "$dir/"
        cp "$VM/$kernel" "$dir/image.vmlinuz"
        cp --sparse=always "$VM/root.img" "$dir/image.img"
        cp "$VM/initrd.img-${kernel#vmlinuz-}" "$dir/image.initrd"
        # The kernel takes an archive behind another only where it is aligned.
        truncate -s %4 "$dir/image.initrd"
        vm_overlay "$dir/overlay" "$@"
        cat "$dir/overlay" >>"$dir/image.initrd"
        rm "$dir/overlay"
        echo "root=LABEL=cocoon-root ro console=hvc0 quiet systemd.show_status=0 panic=-1 cocoon_gpu" >"$dir/image.cmdline"
}

# image_worker DIRECTORY: what makes a worker's guest of it, in DIRECTORY/worker.
image_worker() {
        local tree=$1/worker here

        here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/guest/worker.d
        mkdir -p "$tree"/etc/systemd/{system,network}
        cp "$here"/*.service "$tree/etc/systemd/system/"
        cp "$here"/*.network "$tree/etc/systemd/network/"
        systemctl --quiet --root="$tree" enable spec.service worker.service
        mkdir -p "$tree/etc/systemd/system/multi-user.target.wants"
        ln -s /usr/lib/systemd/system/systemd-networkd.service "$tree/etc/systemd/system/multi-user.target.wants/"
        # The payload is of other guests.
        ln -s /dev/null "$tree/etc/systemd/system/payload.service"
}
