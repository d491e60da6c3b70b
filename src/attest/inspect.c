/* SPDX-License-Identifier: Apache-2.0 */

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "attest/collateral.h"
#include "attest/evidence.h"
#include "attest/opaque.h"
#include "attest/options.h"
#include "attest/rimid.h"
#include "attest/spdm.h"
#include "attest/verbs.h"
#include "attest/verdict.h"
#include "basic/hex.h"
#include "basic/io.h"
#include "basic/log.h"

/* What is printed comes from files that nobody has verified. */
static void print_text(const char *label, const char *text) {
        (void) printf("  %-22s ", label);
        for (; *text; text++)
                (void) putchar(*text < 0x20 || *text > 0x7e ? '?' : *text);
        (void) putchar('\n');
}

static void print_hex(const char *label, const void *data, size_t size) {
        _cleanup_free_ char *text = hex_encode_alloc(data, size);

        print_text(label, text ?: "");
}

static int refuse(const char *path, const Fault *fault) {
        (void) printf("%s: %s: expected %s, found %s\n", path, fault->what, fault->expected, fault->found);
        return EXIT_REFUSED;
}

static void print_rim_ids(const Opaque *opaque, Architecture arch) {
        _cleanup_free_ char *driver = NULL, *vbios = NULL;
        Fault ignored;

        if (!arch_info(arch)->is_switch && rim_id_driver(opaque, arch, &driver, &ignored) >= 0)
                print_text("driver RIM", driver);
        if (rim_id_vbios(opaque, arch, &vbios, &ignored) >= 0)
                print_text(arch_info(arch)->is_switch ? "BIOS RIM" : "VBIOS RIM", vbios);
}

static void print_opaque(const Opaque *opaque, bool is_switch) {
        char version[OPAQUE_TEXT_SIZE], label[32];

        (void) printf("  opaque data, %s layout, version %u\n", opaque->versioned ? "NVDAOD" : "legacy", opaque->version);
        if (opaque_vbios_version(opaque, is_switch, version) >= 0)
                print_text("VBIOS version", version);
        for (size_t i = 0; i < opaque->n_entries; i++) {
                const OpaqueEntry *e = &opaque->entries[i];
                char text[OPAQUE_TEXT_SIZE];

                (void) snprintf(label, sizeof(label), "entry %u", (unsigned) e->type);
                if (e->size > 1 && isprint(e->value[0]) && opaque_text(opaque, (OpaqueType) e->type, text) >= 0)
                        print_text(label, text);
                else
                        print_hex(label, e->value, e->size);
        }
}

static int print_report(const char *path, const uint8_t *data, size_t size, Architecture arch) {
        bool is_switch = arch != _ARCH_INVALID && arch_info(arch)->is_switch;
        SpdmReport report;
        Opaque opaque;
        Fault fault = {};

        if (spdm_report_parse(data, size, &report, &fault) < 0)
                return refuse(path, &fault);
        print_hex("nonce", report.nonce, SPDM_NONCE_SIZE);
        for (size_t i = 0; i < report.n_blocks; i++) {
                char label[40];

                (void) snprintf(label, sizeof(label), "measurement %zu", i);
                print_hex(label, report.digests[i], SPDM_DIGEST_SIZE);
        }
        /* A report alone does not say what it is of. */
        if (opaque_parse(report.opaque, is_switch, &opaque, &fault) < 0) {
                if (arch != _ARCH_INVALID || opaque_parse(report.opaque, true, &opaque, &fault) < 0)
                        return refuse(path, &fault);
                is_switch = true;
        }
        print_opaque(&opaque, is_switch);
        if (arch != _ARCH_INVALID)
                print_rim_ids(&opaque, arch);
        return EXIT_ACCEPTED;
}

static void print_name(const char *label, X509_NAME *name) {
        char text[256];

        (void) X509_NAME_oneline(name, text, sizeof(text));
        print_text(label, text);
}

static int print_evidence(const char *path, const EvidenceSet *set) {
        int worst = EXIT_ACCEPTED;

        for (size_t i = 0; i < set->n_items; i++) {
                _cleanup_(certchain_done) CertChain chain = {};
                const Evidence *e = &set->items[i];
                Fault fault = {};
                int status;

                (void) printf("device %zu\n", i);
                print_text("architecture", e->arch_name);
                if (certchain_parse_pem(e->chain, e->chain_size, NULL, &chain, &fault) < 0)
                        worst = refuse(path, &fault);
                for (size_t k = 0; k < chain.n_certs; k++)
                        print_name(k == 0 ? "leaf" : "issued by", X509_get_subject_name(chain.certs[k]));
                status = print_report(path, e->report, e->report_size, e->arch);
                if (status != EXIT_ACCEPTED)
                        worst = status;
        }
        return worst;
}

static void print_rim(const RimContent *content) {
        print_text("product", content->product);
        print_text("version", content->version);
        print_text("manufacturer id", content->manufacturer_id);
        for (size_t i = 0; i < content->n_records; i++) {
                const RimRecord *r = &content->records[i];

                for (size_t k = 0; r->active && k < r->n_digests; k++) {
                        char label[40];

                        (void) snprintf(label, sizeof(label), "golden %u%s", r->index, k > 0 ? " or" : "");
                        print_hex(label, r->digests[k], SPDM_DIGEST_SIZE);
                }
        }
        for (size_t i = 0; i < content->n_svns; i++)
                (void) printf("  minimum SVN            %u for opaque entry %u\n", content->svns[i].minimum,
                              content->svns[i].type);
}

static int print_check(const char *name, const Check *check) {
        static const char *const words[] = {
                [CHECK_NOT_RUN] = "not run",
                [CHECK_PASSED]  = "passed",
                [CHECK_FAILED]  = "FAILED",
                [CHECK_MISSING] = "MISSING",
                [CHECK_OFF]     = "off",
        };

        (void) printf("  %-7s  %-10s  ", words[check->state], name);
        if (check->state == CHECK_FAILED)
                (void) printf("%s: expected %s, found %s\n", check->fault.what, check->fault.expected,
                              check->fault.found);
        else
                (void) printf("%s\n", check->state == CHECK_PASSED ? check->fault.found : "");
        return check->state == CHECK_PASSED ? 0 : 1;
}

static int check_rim(const Options *o, const uint8_t *xml, size_t size) {
        const CollateralOptions options = {
                .anchors_dir = o->trust_anchors,
                .device_time = o->device_time,
                .rim_time = o->rim_time,
        };
        _cleanup_(collateral_freep) Collateral *collateral = NULL;
        _cleanup_(rim_entry_done) RimEntry entry = {};
        int bad = 0;
        Fault fault = {};

        if (collateral_open(&options, &collateral, &fault) < 0) {
                log_error("%s: expected %s, found %s.", fault.what, fault.expected, fault.found);
                return EXIT_CONFIGURATION;
        }
        rim_entry_judge(&entry, collateral, xml, size);
        bad += print_check("schema", &entry.schema);
        bad += print_check("cert chain", &entry.chain.path);
        bad += print_check("signature", &entry.signature);
        return bad > 0 || !entry.content_valid ? EXIT_REFUSED : EXIT_ACCEPTED;
}

static int inspect_rim(const Options *o, const char *path, const uint8_t *xml, size_t size) {
        _cleanup_(rim_content_done) RimContent content = {};
        _cleanup_(rim_freep) Rim *rim = NULL;
        Fault fault = {};

        if (o->check)
                return check_rim(o, xml, size);
        if (rim_parse(xml, size, &rim, &fault) < 0 || rim_check_schema(rim, &fault) < 0)
                return refuse(path, &fault);
        if (rim_read_content(rim, &content) < 0) {
                (void) log_oom();
                return EXIT_CONFIGURATION;
        }
        (void) printf("reference integrity manifest (nothing verified; see --check)\n");
        print_rim(&content);
        return EXIT_ACCEPTED;
}

/* Told apart by their first byte: XML, JSON, a report in binary or in hexadecimal text. */
static int inspect_bytes(const Options *o, const char *path, uint8_t *data, size_t size) {
        _cleanup_(evidence_set_freep) EvidenceSet *set = NULL;
        const char *text = (const char *) data;
        size_t start = strspn(text, " \t\r\n"), digits = strspn(text + start, "0123456789abcdefABCDEF");
        bool is_json = text[start] == '[' || text[start] == '{';
        Fault fault = {};

        if (o->check && is_json) {
                log_error("%s: --check judges RIMs; evidence is judged by cocoon-attest verify.", path);
                return EXIT_CONFIGURATION;
        }
        if (text[start] == '<' || o->check)
                return inspect_rim(o, path, data, size);
        if (is_json) {
                if (evidence_set_parse(text, size, &set, &fault) < 0)
                        return refuse(path, &fault);
                return print_evidence(path, set);
        }
        if (digits > 0 && digits % 2 == 0 && start + digits + strspn(text + start + digits, " \t\r\n") == size) {
                _cleanup_free_ uint8_t *report = malloc(digits / 2);

                if (!report || hex_decode(text + start, digits, report, digits / 2) < 0)
                        return EXIT_CONFIGURATION;
                return print_report(path, report, digits / 2, _ARCH_INVALID);
        }
        return print_report(path, data, size, _ARCH_INVALID);
}

static int inspect(const Options *o) {
        _cleanup_free_ uint8_t *data = NULL;
        Fault fault = {};
        size_t size;
        int r;

        if (o->n_operands != 1 || o->evidence || o->have_nonce || o->policy || o->rim_dirs || o->ocsp_dirs || o->eat ||
            o->json || o->have_version || o->bundle || o->cache || o->online || o->max_age > 0) {
                log_error("inspect takes one FILE, --check, --trust-anchors and --at; see cocoon-attest --help.");
                return EXIT_CONFIGURATION;
        }
        r = read_file_at(AT_FDCWD, o->operands[0], EVIDENCE_FILE_MAX, &data, &size);
        if (r == -EFBIG && o->check) {
                (void) fault_set(&fault, r, "RIM", "at most 256 KiB", "more than 2 MiB");
                return refuse(o->operands[0], &fault);
        }
        if (r < 0) {
                log_error("Failed to read %s: %s", o->operands[0], read_file_strerror(r));
                return EXIT_CONFIGURATION;
        }
        return inspect_bytes(o, o->operands[0], data, size);
}

int verb_inspect(int argc, char *argv[]) {
        return options_run(argc, argv, inspect);
}
