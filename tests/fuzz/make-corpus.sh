#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Writes the seed corpus of the fuzz targets, one directory per target, from what the simulated GPU produces: every
# kind of device, whole and with every defect.
#
#   make-corpus.sh COCOON-SIM POLICY-DIR OUTPUT-DIR

set -euo pipefail

(( $# == 3 )) || { echo "usage: $0 COCOON-SIM POLICY-DIR OUTPUT-DIR" >&2; exit 2; }
sim=$1 policies=$2 output=$3
devices=(${COCOON_CORPUS_DEVICES:-hopper-nvdaod blackwell ls10})

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/sim" "$work/corpus"/{spdm,evidence,rim,certchain,ocsp,policy,json}

# A device without defects must come out. A defect that a kind of device cannot have is no error.
generate() {
        local device=$1 defect

        "$sim" evidence --output "$work/sim/$device" --device "$device" >/dev/null
        while read -r defect _; do
                "$sim" evidence --output "$work/sim/$device-$defect" --device "$device" --defect "$defect" \
                        >/dev/null 2>"$work/error" && continue
                echo "$device cannot have $defect: $(tail -n 1 "$work/error")" >>"$work/left-out"
                rm -rf "$work/sim/$device-$defect"
        done <"$work/defects"
}

"$sim" evidence --defect list >"$work/defects"
for device in "${devices[@]}"; do
        generate "$device"
done

# Inputs are named by their content, so that equal ones are there once.
python3 - "$work/sim" "$policies" "$work/corpus" <<'EOF'
import base64, hashlib, json, pathlib, sys

sim, policies, corpus = map(pathlib.Path, sys.argv[1:])

def add(target, data):
    (corpus / target / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)

def devices(node):
    if isinstance(node, list):
        for item in node:
            yield from devices(item)
    elif isinstance(node, dict):
        if isinstance(node.get("evidence"), str) and isinstance(node.get("certificate"), str):
            yield node
        for item in node.values():
            yield from devices(item)

for path in sorted(sim.rglob("*")):
    data = path.read_bytes() if path.is_file() else b""
    if path.name == "evidence.json":
        add("evidence", data)
        add("json", data)
        try:
            found = list(devices(json.loads(data)))
        except ValueError:
            found = []
        for device in found:
            for target, key in ("spdm", "evidence"), ("certchain", "certificate"):
                try:
                    add(target, base64.b64decode(device[key]))
                except ValueError:
                    pass
    elif path.suffix == ".xml":
        add("rim", data)
    elif path.suffix == ".der" and "ocsp" in path.parts:
        add("ocsp", data)
for path in sorted(policies.glob("*.json")):
    add("policy", path.read_bytes())
    add("json", path.read_bytes())

for target in sorted(corpus.iterdir()):
    n = sum(1 for _ in target.iterdir())
    print(f"{target.name:10} {n:4} inputs")
    if n == 0:
        sys.exit(f"no input for {target.name}")
EOF
[[ ! -s $work/left-out ]] || echo "$(wc -l <"$work/left-out") combinations of device and defect do not exist"

rm -rf "$output"
mkdir -p "$(dirname "$output")"
mv "$work/corpus" "$output"
