/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/measurements.h"

#include <string.h>

/* Measures the video decoder's firmware, which is not loaded while the decoder is disabled. */
#define NVDEC0_INDEX 35U

static const RimContent *content_of(const DeviceAppraisal *d, RimSlot slot) {
        return d->rims[slot] ? &d->rims[slot]->content : NULL;
}

static bool record_matches(const RimRecord *record, const uint8_t *runtime) {
        for (size_t i = 0; runtime && i < record->n_digests; i++)
                if (memcmp(record->digests[i], runtime, SPDM_DIGEST_SIZE) == 0)
                        return true;
        return false;
}

/* Sets *ret_skip when the decoder is off. A report of a GPU that does not say fails. */
static bool read_nvdec(DeviceAppraisal *d, bool *ret_skip) {
        unsigned status;

        *ret_skip = false;
        if (d->arch->is_switch)
                return true;
        if (opaque_number(&d->opaque, OPAQUE_NVDEC0_STATUS, &status) < 0)
                return check_fail(&d->checks[CHECK_MEASUREMENTS], "NVDEC0 status", "an entry in the report", "none");
        if (status != OPAQUE_ENABLED && status != OPAQUE_DISABLED)
                return check_fail(&d->checks[CHECK_MEASUREMENTS], "NVDEC0 status", "0xaa or 0x55", "0x%02x", status);
        *ret_skip = status == OPAQUE_DISABLED;
        return true;
}

static int compare_record(DeviceAppraisal *d, RimSlot slot, const RimRecord *record, bool skip_nvdec) {
        const uint8_t *runtime = record->index < d->report.n_blocks ? d->report.digests[record->index] : NULL;
        MeasurementMismatch *list;

        if (record_matches(record, runtime)) {
                d->n_golden++;
                d->n_matched++;
                return 0;
        }
        if (skip_nvdec && record->index == NVDEC0_INDEX)
                return 0;
        d->n_golden++;
        list = reallocarray(d->mismatches, d->n_mismatches + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;
        d->mismatches = list;
        list[d->n_mismatches++] = (MeasurementMismatch){ .golden = record, .slot = slot, .runtime = runtime };
        return 0;
}

static void mismatch_text(const DeviceAppraisal *d, char *ret, size_t size) {
        size_t at = 0;

        ret[0] = 0;
        for (size_t i = 0; i < d->n_mismatches && at + 8 < size; i++)
                at += (size_t) snprintf(ret + at, size - at, "%s%u", i > 0 ? ", " : "", d->mismatches[i].golden->index);
}

static int compare_records(DeviceAppraisal *d) {
        Check *check = &d->checks[CHECK_MEASUREMENTS];
        char list[128];
        bool skip_nvdec;

        if (!read_nvdec(d, &skip_nvdec))
                return 0;
        for (RimSlot slot = 0; slot < _RIM_SLOT_MAX; slot++) {
                const RimContent *content = content_of(d, slot);

                for (size_t i = 0; content && i < content->n_records; i++) {
                        int r;

                        if (!content->records[i].active)
                                continue;
                        r = compare_record(d, slot, &content->records[i], skip_nvdec);
                        if (r < 0)
                                return r;
                }
        }
        if (d->n_mismatches > 0) {
                mismatch_text(d, list, sizeof(list));
                (void) check_fail(check, "measurements", "every active golden value in the report",
                                  "%zu of %zu match; not at index %s", d->n_matched, d->n_golden, list);
        } else if (d->n_golden == 0)
                (void) check_fail(check, "measurements", "golden values", "none");
        else
                check_pass(check, "%zu of %zu golden values match", d->n_matched, d->n_golden);
        return 0;
}

static bool svns_clash(const RimSvn *a, const RimSvn *b) {
        return a->type == b->type || strcmp(a->name, b->name) == 0;
}

/* Two RIMs that speak of one thing could hide each other's word. */
static void check_conflicts(DeviceAppraisal *d) {
        const RimContent *driver = content_of(d, RIM_SLOT_DRIVER), *vbios = content_of(d, RIM_SLOT_VBIOS);
        Check *check = &d->checks[CHECK_NO_CONFLICT];

        check_pass(check, "no index in both RIMs");
        if (!driver)
                return;
        for (size_t i = 0; i < driver->n_records; i++) {
                const RimRecord *other = rim_content_find(vbios, driver->records[i].index);

                if (driver->records[i].active && other && other->active)
                        (void) check_fail(check, "RIM records", "every index active in one RIM", "index %u in both",
                                          other->index);
        }
        for (size_t i = 0; i < driver->n_svns; i++)
                for (size_t k = 0; k < vbios->n_svns; k++)
                        if (svns_clash(&driver->svns[i], &vbios->svns[k]))
                                (void) check_fail(check, "RIM minimum SVNs", "every entry named in one RIM",
                                                  "%s in both", vbios->svns[k].name);
}

static int compare_svn(DeviceAppraisal *d, const RimSvn *golden, size_t *n_compared) {
        const OpaqueEntry *entry = opaque_find(&d->opaque, golden->type);
        SvnMismatch mismatch = { .golden = golden }, *list;

        (*n_compared)++;
        if (entry && entry->value_type == OPAQUE_VALUE_SVN && entry->size == 2 &&
            opaque_number(&d->opaque, golden->type, &mismatch.runtime) >= 0)
                mismatch.found = true;
        if (mismatch.found && mismatch.runtime >= golden->minimum)
                return 0;
        list = reallocarray(d->svn_mismatches, d->n_svn_mismatches + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;
        d->svn_mismatches = list;
        list[d->n_svn_mismatches++] = mismatch;
        return 0;
}

static int compare_svns(DeviceAppraisal *d) {
        Check *check = &d->checks[CHECK_MINIMUM_SVN];
        size_t n = 0;

        for (RimSlot slot = 0; slot < _RIM_SLOT_MAX; slot++) {
                const RimContent *content = content_of(d, slot);

                for (size_t i = 0; content && i < content->n_svns; i++) {
                        int r;

                        r = compare_svn(d, &content->svns[i], &n);
                        if (r < 0)
                                return r;
                }
        }
        if (d->n_svn_mismatches > 0) {
                const SvnMismatch *first = &d->svn_mismatches[0];
                char what[64], expected[64];

                (void) snprintf(what, sizeof(what), "minimum SVN %.40s", first->golden->name);
                (void) snprintf(expected, sizeof(expected), "opaque entry %u of %u or more", first->golden->type,
                                first->golden->minimum);
                if (first->found)
                        (void) check_fail(check, what, expected, "%u", first->runtime);
                else
                        (void) check_fail(check, what, expected, "no comparable entry");
        } else
                check_pass(check, "%zu minimum SVNs", n);
        return 0;
}

int measurements_compare(DeviceAppraisal *d) {
        int r;

        check_conflicts(d);
        r = compare_records(d);
        if (r < 0)
                return r;
        return compare_svns(d);
}
