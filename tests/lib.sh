# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Shared by tests/demo and tests/run: the packages they need, the build, and how they talk. Sourced, with the project
# root as working directory.

export LC_ALL=C.UTF-8

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
        BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' YELLOW=$'\e[33m' PLAIN=$'\e[0m'
else
        BOLD='' RED='' GREEN='' YELLOW='' PLAIN=''
fi

heading() {
        printf '%s== %s%s\n' "$BOLD" "$*" "$PLAIN"
}

# One scratch directory per run, gone with it.
make_scratch() {
        SCRATCH=$(mktemp -d)
        trap 'rm -rf "$SCRATCH"' EXIT
}

# Names that Debian 12 and 13 share.
BUILD_PACKAGES=(
        gcc libc6-dev meson ninja-build pkgconf
        libssl-dev libjson-c-dev libxml2-dev libxmlsec1-dev libsystemd-dev libudev-dev libcurl4-openssl-dev libcryptsetup-dev
        scdoc man-db openssl python3 ca-certificates
)
TEST_PACKAGES=(
        clang clang-tidy libclang-rt-dev valgrind binutils cryptsetup-bin e2fsprogs strace
        systemd systemd-journal-remote dbus udev umockdev gir1.2-umockdev-1.0 python3-gi
)
VM_TEST_PACKAGES=(
        mmdebstrap qemu-system-x86 cpio ovmf
)
# For a kernel from its source.
KERNEL_PACKAGES=(
        make flex bison bc libelf-dev
)

missing_packages() {
        local package status

        for package in "$@"; do
                # dpkg-query fails for a package that it never heard of: missing, like any other.
                status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) || status=unknown
                [[ $status == installed ]] || printf '%s\n' "$package"
        done
}

# Installs what is missing of the named packages; touches neither network nor system when nothing is.
install_packages() {
        local missing log=$SCRATCH/apt.log

        if ! command -v apt-get >/dev/null; then
                echo "This is no Debian: assuming that these, or their like, are there: $*"
                return 0
        fi
        mapfile -t missing < <(missing_packages "$@")
        if (( ${#missing[@]} == 0 )); then
                return 0
        fi
        if (( EUID != 0 )); then
                printf 'These packages are missing, and only root can install them:\n  apt-get install %s\n' \
                        "${missing[*]}" >&2
                return 1
        fi
        echo "Installing ${#missing[@]} packages: ${missing[*]}"
        if ! { DEBIAN_FRONTEND=noninteractive apt-get update -q &&
               DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"; } \
               </dev/null >"$log" 2>&1; then
                tail -n 30 "$log" >&2
                echo "apt-get failed; the packages that are missing: ${missing[*]}" >&2
                return 1
        fi
}

# build_tree DIR [MESON OPTION...]: configures once, builds what changed, speaks only when it fails. With CC in the
# environment when the directory is new.
build_tree() {
        local dir=$1 log=$SCRATCH/build.log

        shift
        if [[ ! -f $dir/build.ninja ]] && ! meson setup "$@" "$dir" </dev/null >"$log" 2>&1; then
                tail -n 60 "$log" >&2
                return 1
        fi
        if ! ninja -C "$dir" </dev/null >"$log" 2>&1; then
                tail -n 60 "$log" >&2
                return 1
        fi
        # meson's own remarks aside, a build that warns is a build that fails.
        if grep -n 'warning:' "$log" >&2; then
                echo "$dir: the build has warnings" >&2
                return 1
        fi
}
