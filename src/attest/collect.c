/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/collect.h"

#include <assert.h>
#include <string.h>

#include "attest/nscq.h"
#include "attest/nvml.h"
#include "attest/probe.h"

_Static_assert(NVML_REPORT_MAX <= EVIDENCE_REPORT_MAX && NSCQ_REPORT_MAX <= EVIDENCE_REPORT_MAX, "reports fit");
_Static_assert(NVML_CHAIN_MAX <= EVIDENCE_CHAIN_MAX && NSCQ_CHAIN_MAX <= EVIDENCE_CHAIN_MAX, "chains fit");
_Static_assert(SURVEY_DEVICES_MAX <= EVIDENCE_DEVICES_MAX, "devices fit");

/* What a child is to do. */
typedef struct Task {
        const DeviceFacts *device; /* of the survey */
        uint8_t nonce[NONCE_SIZE];
} Task;

static int ask_gpu(int pipe, const Task *t, Fault *f) {
        uint8_t report[NVML_REPORT_MAX], chain[NVML_CHAIN_MAX];
        size_t report_size, chain_size;
        DeviceFacts facts;
        Survey system;
        void *device;
        Nvml nvml;
        int r;

        r = nvml_open(&nvml, pipe, f);
        if (r >= 0)
                r = nvml_system(&nvml, &system, f);
        if (r >= 0)
                r = nvml_device(&nvml, t->device->index, &device, f);
        if (r >= 0)
                r = nvml_facts(&nvml, device, t->device->index, &facts, f);
        if (r >= 0)
                r = nvml_chain(&nvml, device, chain, &chain_size, f);
        if (r >= 0)
                r = nvml_report(&nvml, device, t->nonce, report, &report_size, f);
        if (r < 0)
                return r;
        memcpy(facts.driver_version, system.driver_version, sizeof(facts.driver_version));
        device_facts_send(pipe, &facts);
        record_send(pipe, RECORD_CHAIN, chain, chain_size);
        record_send(pipe, RECORD_REPORT, report, report_size);
        return 0;
}

/* The library knows switches by their labels, whatever their order. */
static const DeviceFacts *find_label(const DeviceFacts *devices, size_t n, const char *label) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(devices[i].uuid, label) == 0)
                        return &devices[i];
        return NULL;
}

static int ask_switch(int pipe, const Task *t, Fault *f) {
        uint8_t report[NSCQ_REPORT_MAX], chain[NSCQ_CHAIN_MAX];
        DeviceFacts all[SURVEY_DEVICES_MAX], facts;
        const DeviceFacts *found;
        size_t report_size, chain_size, n;
        char name[16];
        Nscq nscq;
        int r;

        r = nscq_open(&nscq, pipe, f);
        if (r >= 0)
                r = nscq_facts(&nscq, all, ELEMENTSOF(all), &n, f);
        if (r < 0)
                return r;
        found = find_label(all, n, t->device->uuid);
        if (!found)
                return fault_set(f, ESTALE, device_facts_name(t->device, name), t->device->uuid, "no such switch any more");
        library_set_subject(&nscq.library, "switch", t->device->index);
        r = nscq_chain(&nscq, found->uuid, chain, &chain_size, f);
        if (r >= 0)
                r = nscq_report(&nscq, found->uuid, t->nonce, report, &report_size, f);
        if (r < 0)
                return r;
        facts = *found;
        facts.index = t->device->index;
        device_facts_send(pipe, &facts);
        record_send(pipe, RECORD_CHAIN, chain, chain_size);
        record_send(pipe, RECORD_REPORT, report, report_size);
        return 0;
}

/* In the child. */
static int ask(int pipe, const void *argument, Fault *f) {
        const Task *t = argument;

        return t->device->is_switch ? ask_switch(pipe, t, f) : ask_gpu(pipe, t, f);
}

static int take_bytes(Cursor body, size_t max, uint8_t **ret, size_t *ret_size) {
        size_t size = cursor_left(&body);
        const uint8_t *bytes;

        if (*ret || size == 0 || size > max || cursor_bytes(&body, size, &bytes) < 0)
                return -EBADMSG;
        *ret = malloc(size + 1);
        if (!*ret)
                return -ENOMEM;
        memcpy(*ret, bytes, size);
        (*ret)[size] = 0;
        *ret_size = size;
        return 0;
}

static int take_facts(Cursor body, Evidence *e) {
        if (e->told)
                return -EBADMSG;
        e->told = calloc(1, sizeof(*e->told));
        return e->told ? device_facts_read(body, e->told) : -ENOMEM;
}

static int take_record(const Record *record, Evidence *e) {
        switch (record->tag) {
        case RECORD_FACTS:
                return take_facts(record->body, e);
        case RECORD_CHAIN:
                return take_bytes(record->body, EVIDENCE_CHAIN_MAX, (uint8_t **) &e->chain, &e->chain_size);
        case RECORD_REPORT:
                return take_bytes(record->body, EVIDENCE_REPORT_MAX, &e->report, &e->report_size);
        case RECORD_CALL:
        case RECORD_END:
                return 0;
        default:
                return -EBADMSG;
        }
}

int collect_read(Cursor answer, Evidence *ret, Fault *f) {
        Record record;
        int r;

        while ((r = record_next(&answer, &record)) > 0) {
                r = take_record(&record, ret);
                if (r < 0)
                        break;
        }
        if (r == -ENOMEM)
                return fault_set(f, ENOMEM, "evidence", "memory", "none left");
        if (r < 0 || cursor_left(&answer) > 0 || !ret->told || !ret->chain || !ret->report)
                return fault_set(f, EBADMSG, "answer of the child process", "facts, a chain and a report", "something else");
        ret->arch = ret->told->arch;
        return 0;
}

static int take_answer(const Probe *p, const Task *t, Evidence *e, Fault *f) {
        int r;

        r = collect_read(cursor_of(p->answer, p->size), e, f);
        if (r < 0)
                return r;
        assert(e->told);
        if (e->told->index != t->device->index)
                return fault_set(f, ESTALE, p->name, t->device->uuid, "another device now, %s", e->told->uuid);
        r = device_facts_compare(t->device, e->told, f);
        if (r < 0)
                return r;
        e->arch_name = strdup(e->arch == _ARCH_INVALID ? "unknown" : arch_info(e->arch)->name);
        if (!e->arch_name)
                return fault_set(f, ENOMEM, "evidence", "memory", "none left");
        memcpy(e->nonce, t->nonce, NONCE_SIZE);
        return 0;
}

static int run(Probe *probes, const Task *tasks, size_t n, const SurveyWants *w, EvidenceSet *set, Fault *f) {
        const ProbeLimits limits = { w->device_timeout_usec, w->deadline_usec, w->retries };
        int r;

        (void) probe_run(probes, n, &limits);
        for (size_t i = 0; i < n; i++) {
                r = probes[i].error;
                if (r < 0)
                        *f = probes[i].fault;
                else
                        r = take_answer(&probes[i], &tasks[i], &set->items[i], f);
                if (r < 0)
                        return r;
        }
        return 0;
}

int collect_evidence(const Survey *s, const SurveyWants *w, const uint8_t root[static NONCE_SIZE], bool derive,
                     EvidenceSet **ret, Fault *f) {
        _cleanup_(evidence_set_freep) EvidenceSet *set = calloc(1, sizeof(*set));
        _cleanup_free_ Probe *probes = calloc(s->n_devices ?: 1, sizeof(*probes));
        _cleanup_free_ Task *tasks = calloc(s->n_devices ?: 1, sizeof(*tasks));
        int r;

        if (set)
                set->items = calloc(s->n_devices ?: 1, sizeof(*set->items));
        if (!set || !set->items || !probes || !tasks)
                return fault_set(f, ENOMEM, "evidence", "memory", "none left");
        if (s->n_devices == 0)
                return fault_set(f, EINVAL, "evidence", "devices", "none");
        set->n_items = s->n_devices;
        for (size_t i = 0; i < s->n_devices; i++) {
                tasks[i].device = &s->devices[i];
                if (derive)
                        nonce_derive(root, i, tasks[i].nonce);
                else
                        memcpy(tasks[i].nonce, root, NONCE_SIZE);
                probes[i] = (Probe){ .work = ask, .argument = &tasks[i] };
                (void) device_facts_name(&s->devices[i], probes[i].name);
        }
        r = run(probes, tasks, s->n_devices, w, set, f);
        for (size_t i = 0; i < s->n_devices; i++)
                probe_done(&probes[i]);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(set);
        return 0;
}
