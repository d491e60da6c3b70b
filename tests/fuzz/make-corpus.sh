#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Writes the seed corpus of the fuzz targets, one directory per target: what the simulated GPU produces, every kind of
# device, whole and with every defect; and small model images.
#
#   make-corpus.sh COCOON-SIM POLICY-DIR OUTPUT-DIR

set -euo pipefail

(( $# == 3 )) || { echo "usage: $0 COCOON-SIM POLICY-DIR OUTPUT-DIR" >&2; exit 2; }
sim=$1 policies=$2 output=$3
devices=(${COCOON_CORPUS_DEVICES:-hopper-nvdaod blackwell ls10})

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/sim" "$work/corpus"/{archive,bundle,certchain,eventlog,evidence,fields,gpu,gpu-worker,hub,journal,json,ocsp,policy,probe,quote,report,rim,rim-answer,runtime}
mkdir -p "$work/corpus"/{spdm,spec,verity,worker}
cp "$(dirname "$0")"/../check/launch.d/*.conf "$work/corpus/worker"
cat >"$work/corpus/gpu-worker/step" <<'EOF'
{"step":"unbind","n":3,"of":13,"record":{"driver":"nvidia","override":"","cc":"off","ppcie":"off","siblings":[{"address":"0000:01:00.1","driver":"snd_hda_intel","override":"vfio-pci"}]}}
EOF

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
import base64, hashlib, io, json, pathlib, struct, sys, tarfile

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
        text = base64.b64encode(data).decode()
        answer = {"id": path.stem, "rim": text, "sha256": hashlib.sha256(data).hexdigest(), "rim_format": "TCG"}
        if path.parents[1].name in ("blackwell", "ls10"):
            add("rim-answer", path.stem.encode() + b"\n" + json.dumps(answer).encode())
            answers = [base64.b64encode(p.read_bytes()).decode() for p in sorted(path.parents[1].glob("ocsp/*.der"))]
            bundle = {"cocoon-bundle": 1, "created": "", "rims": [{"id": path.stem, "rim": text}], "ocsp": answers}
            add("bundle", json.dumps(bundle).encode())
    elif path.suffix == ".der" and "ocsp" in path.parts:
        # About which chain of the scene an answer is does not matter here: it comes with the first.
        try:
            first = next(devices(json.loads((path.parent.parent / "evidence.json").read_bytes())), None)
            add("ocsp", base64.b64decode(first["certificate"]) + b"\0" + data if first else b"\0" + data)
        except ValueError:
            pass
for path in sorted(policies.glob("*.json")):
    add("policy", path.read_bytes())
    add("json", path.read_bytes())

def archive(names):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, target, content in names:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()

top = ("./", tarfile.DIRTYPE, "", b"")
add("archive", archive([top]))
add("archive", archive([top, ("./a", tarfile.REGTYPE, "", b"x" * 700), ("./b", tarfile.SYMTYPE, "a", b"")]))
add("archive", archive([top, ("./" + "n" * 120, tarfile.REGTYPE, "", b""), ("./l", tarfile.LNKTYPE, "./" + "n" * 120, b"")]))
add("archive", archive([top, ("./\u00e4", tarfile.SYMTYPE, "t" * 130, b""), ("./p", tarfile.FIFOTYPE, "", b"")]))

salt = bytes(range(10)) + bytes(range(0x10, 0x11)) + bytes(range(0x1a, 0x20))
for blocks, tree in (2, 1), (129, 3):
    superblock = struct.pack("<8sII16s32sIIQH6x256s", b"verity", 1, 1, bytes.fromhex("645ac31f761042e184349d733699eac0"),
                             b"sha256", 4096, 4096, blocks, len(salt), salt)
    add("verity", struct.pack("<Q", blocks * 4096) + superblock.ljust(4096, b"\0") + bytes(4096 * tree))
for text in "a", "a/b", "Owner/Name-1.0_x@" + "0" * 40, "a@main", "a/b@" + "f" * 40 + ":" + "0" * 64, "a--b@local.tar":
    add("spec", text.encode())

event = {"rtmr": 3, "hash": "sha384", "event": "cocoon:gpu-attestation", "digest": "ab" * 48}
for events in [event], [event, dict(event, rtmr=0, event="x")], [dict(event, digest="ab")], [dict(event, rtmr=4)]:
    add("eventlog", b"".join(json.dumps(e).encode() + b"\n" for e in events))
add("eventlog", json.dumps(event).encode())

body = bytes(328 + 3 * 48) + b"\x33".ljust(48, b"\0") + b"\xda\x7a".ljust(64, b"\0")
for header in struct.pack("<HHI40x", 4, 2, 0x81), struct.pack("<HHI40xHI", 5, 2, 0x81, 2, 584), struct.pack("<HHI40x", 3, 2, 0):
    add("quote", header + body + bytes(4))
    add("quote", header + body[:-1])

variables = ["MODEL_NAME=a/b", "MODEL_COMMIT=" + "0" * 40, "MODEL_VERITY_HASH=" + "0" * 64]
for lines in variables, variables[::-1] + ["", "HF_TOKEN=x"], variables[:2], variables + variables[:1], variables + ["x"]:
    add("runtime", "\n".join(lines).encode())

for message in {"step": "Downloading", "done": 1, "total": 2}, {"result": "done", "spec": "a/b@c:00"}, \
               {"result": "done", "spec": None}, {"result": "failed", "errno": "ENOSPC", "message": "\u00e4\n"}:
    add("report", json.dumps(message).encode())

sha1, sha256 = "0123456789" * 4, "00112233445566778899aabbccddeeff" * 2
plain = [{"type": "file", "oid": sha1, "size": 3, "path": p} for p in ("README.md", "a/b", "a-b", ".cache/c", "\u00e4/e")]
large = {"type": "file", "oid": sha1, "size": 1 << 33, "path": "m.bin", "lfs": {"oid": sha256, "size": 1 << 33, "pointerSize": 134}}
folder = {"type": "directory", "oid": sha1, "size": 0, "path": "a"}
hostile = [dict(plain[0], path=p) for p in ("../a", "/a", "a//b", "a/..", "", "a\nb", "n" * 256, "README.md/a", "README.md")]
for pages in [plain], [plain[:2], [large, folder]], [[]], *([plain, [entry]] for entry in hostile):
    add("hub", b"\0" + b"\0".join(json.dumps(page).encode() for page in pages))
add("hub", b"\1" + json.dumps({"sha": sha1, "siblings": [{"rfilename": "README.md"}]}).encode())
add("hub", b"\1" + json.dumps({"sha": "main"}).encode())

for text in ('<https://h/p?a=1,2>; rel="next"', '</a>; rel="first", </b>; rel=next', '</a>; title="\\"<b>"; rel="x next"',
             "bytes 0-9/10", "bytes 5-9/*"):
    add("fields", text.encode())

records = b"piece 0\npiece 3\nboot " + b"0" * 32 + b"\npiece 18\nsynced 200\nforget 3 4\n"
for choice in range(4):
    add("journal", bytes([choice]) + records)
    add("journal", bytes([choice]) + records[:-3])

for text in {}, {"cocoon-bundle": 1, "rims": [], "ocsp": []}, {"cocoon-bundle": 2}:
    add("bundle", json.dumps(text).encode())
for text in {}, {"id": "x", "rim": "Mw=="}, {"id": "x", "rim": "Mw==", "sha256": sha256, "rim_format": "TCG"}:
    add("rim-answer", b"x\n" + json.dumps(text).encode())

def record(tag, body=b""):
    return struct.pack("<BI", tag, len(body)) + body

def facts(is_switch, index, arch, code, tnvl=0):
    return record(4, struct.pack("<BBBIIi8s80s80s32s", is_switch, not is_switch, arch, code, index, tnvl, bytes([index] * 8),
                                 b"GPU-%d-%d" % (is_switch, index), b"580.12", b"" if is_switch else b"96.00.A5.00.01"))

def system(*numbers):
    return record(3, struct.pack("<4I80s", *numbers, b"580.12"))

call, end = record(0, b"GPU 0: nvmlDeviceGetUUID"), record(2)
add("probe", call + system(2, 1, 0, 0) + facts(0, 0, 0, 9) + end)
add("probe", system(2, 1, 0, 0) + facts(0, 0, 0, 9) + facts(0, 1, 1, 10) + facts(0, 2, 255, 13) + end)
add("probe", system(2, 0, 0, 1) + b"".join(facts(0, i, 0, 9) for i in range(2)) + b"".join(facts(1, i, 2, 2, 3) for i in range(2)) + end)
add("probe", call + facts(0, 0, 0, 9) + record(6, b"-----BEGIN CERTIFICATE-----") + record(5, b"\x11\xe0\x01\xff") + end)
for state in b"\0", b"\1", b"\2":
    add("probe", call + record(7, state) + end)
add("probe", record(1, struct.pack("<I64s192s256s", 5, b"nvmlInit_v2", b"success", b"NVML error 9")) + end)

# Each kind of device and mode: one that tells the truth, and one that lies at the end of it.
for choice in range(16):
    for n in (0, 24, 60, 120, 240, 480):
        add("gpu", bytes([choice]) + bytes(n))
        add("gpu", bytes([choice]) + bytes(n) + b"\xff\xff\xff\xff\xff\xc0\x08\x51\xdf\xba")

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
