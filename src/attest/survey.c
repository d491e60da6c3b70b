/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/survey.h"

#include <endian.h>
#include <string.h>

#include "attest/nscq.h"
#include "attest/nvml.h"
#include "attest/probe.h"

#define NO_ARCH 0xffU /* on the wire */

Survey *survey_free(Survey *s) {
        if (s)
                free(s->devices);
        free(s);
        return NULL;
}

char *device_facts_name(const DeviceFacts *d, char ret[static 16]) {
        (void) snprintf(ret, 16, "%s %u", d->is_switch ? "switch" : "GPU", d->index);
        return ret;
}

static uint8_t *put_le32(uint8_t *p, uint32_t value) {
        value = htole32(value);
        memcpy(p, &value, sizeof(value));
        return p + sizeof(value);
}

static uint8_t *put_bytes(uint8_t *p, const void *data, size_t size) {
        memcpy(p, data, size);
        return p + size;
}

void device_facts_send(int pipe, const DeviceFacts *d) {
        uint8_t body[15 + sizeof(d->pdi) + sizeof(d->uuid) + sizeof(d->driver_version) + sizeof(d->vbios_version)], *p = body;

        *p++ = d->is_switch;
        *p++ = d->have_pdi;
        *p++ = d->arch == _ARCH_INVALID ? NO_ARCH : (uint8_t) d->arch;
        p = put_le32(p, d->arch_code);
        p = put_le32(p, d->index);
        p = put_le32(p, (uint32_t) d->tnvl);
        p = put_bytes(p, d->pdi, sizeof(d->pdi));
        p = put_bytes(p, d->uuid, sizeof(d->uuid));
        p = put_bytes(p, d->driver_version, sizeof(d->driver_version));
        p = put_bytes(p, d->vbios_version, sizeof(d->vbios_version));
        record_send(pipe, RECORD_FACTS, body, (size_t) (p - body));
}

static int read_kind(Cursor *c, DeviceFacts *ret) {
        uint8_t is_switch, have_pdi, arch;

        if (cursor_u8(c, &is_switch) < 0 || cursor_u8(c, &have_pdi) < 0 || cursor_u8(c, &arch) < 0 || is_switch > 1 ||
            have_pdi > 1)
                return -EBADMSG;
        if (arch != NO_ARCH && (arch >= _ARCH_MAX || arch_info((Architecture) arch)->is_switch != is_switch))
                return -EBADMSG;
        ret->is_switch = is_switch;
        ret->have_pdi = have_pdi;
        ret->arch = arch == NO_ARCH ? _ARCH_INVALID : (Architecture) arch;
        return 0;
}

int device_facts_read(Cursor body, DeviceFacts *ret) {
        DeviceFacts d = {};
        const uint8_t *pdi;
        uint32_t arch_code, index, tnvl;

        if (read_kind(&body, &d) < 0 || cursor_le32(&body, &arch_code) < 0 || cursor_le32(&body, &index) < 0 ||
            cursor_le32(&body, &tnvl) < 0 || cursor_bytes(&body, PDI_SIZE, &pdi) < 0 ||
            record_take_text(&body, d.uuid, sizeof(d.uuid)) < 0 ||
            record_take_text(&body, d.driver_version, sizeof(d.driver_version)) < 0 ||
            record_take_text(&body, d.vbios_version, sizeof(d.vbios_version)) < 0 || cursor_left(&body) > 0)
                return -EBADMSG;
        if (index >= SURVEY_DEVICES_MAX || (tnvl > INT8_MAX && tnvl < (uint32_t) INT8_MIN))
                return -EBADMSG;
        d.arch_code = arch_code;
        d.index = index;
        d.tnvl = (int) (int8_t) tnvl;
        memcpy(d.pdi, pdi, PDI_SIZE);
        *ret = d;
        return 0;
}

static void send_system(int pipe, const Survey *s) {
        uint8_t body[16 + sizeof(s->driver_version)], *p = body;

        p = put_le32(p, s->environment);
        p = put_le32(p, s->cc_feature);
        p = put_le32(p, s->dev_tools_mode);
        p = put_le32(p, s->multi_gpu_mode);
        p = put_bytes(p, s->driver_version, sizeof(s->driver_version));
        record_send(pipe, RECORD_SYSTEM, body, (size_t) (p - body));
}

static int read_system(Cursor body, Survey *ret) {
        uint32_t numbers[4];

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                if (cursor_le32(&body, &numbers[i]) < 0)
                        return -EBADMSG;
        if (record_take_text(&body, ret->driver_version, sizeof(ret->driver_version)) < 0 || cursor_left(&body) > 0)
                return -EBADMSG;
        ret->environment = numbers[0];
        ret->cc_feature = numbers[1];
        ret->dev_tools_mode = numbers[2];
        ret->multi_gpu_mode = numbers[3];
        return 0;
}

static int look_at_gpus(Nvml *n, int pipe, const Survey *system, unsigned *ret_count, Fault *f) {
        unsigned count = 0;
        int r;

        r = nvml_count(n, &count, f);
        if (r >= 0 && count > SURVEY_DEVICES_MAX)
                r = fault_set(f, EBADMSG, n->library.call, "at most 64 GPUs", "%u", count);
        for (unsigned i = 0; r >= 0 && i < count; i++) {
                DeviceFacts facts;
                void *device;

                r = nvml_device(n, i, &device, f);
                if (r >= 0)
                        r = nvml_facts(n, device, i, &facts, f);
                if (r < 0)
                        break;
                memcpy(facts.driver_version, system->driver_version, sizeof(facts.driver_version));
                device_facts_send(pipe, &facts);
        }
        *ret_count = count;
        return r;
}

static int look_at_switches(int pipe, size_t max, Fault *f) {
        DeviceFacts facts[SURVEY_DEVICES_MAX];
        Nscq nscq;
        size_t n;
        int r;

        r = nscq_open(&nscq, pipe, f);
        if (r >= 0)
                r = nscq_facts(&nscq, facts, max, &n, f);
        for (size_t i = 0; r >= 0 && i < n; i++)
                device_facts_send(pipe, &facts[i]);
        return r;
}

/* In the child. */
static int look(int pipe, const void *argument, Fault *f) {
        const SurveyWants *w = argument;
        Survey system = {};
        unsigned count;
        Nvml nvml;
        int r;

        r = nvml_open(&nvml, pipe, f);
        if (r >= 0)
                r = nvml_system(&nvml, &system, f);
        if (r < 0)
                return r;
        send_system(pipe, &system);
        r = look_at_gpus(&nvml, pipe, &system, &count, f);
        if (r < 0 || !(w->with_switches || w->switches > 0 || system.multi_gpu_mode == NVML_MULTI_GPU_PPCIE))
                return r;
        return look_at_switches(pipe, SURVEY_DEVICES_MAX - count, f);
}

/* GPUs come first, each kind in the order of its indexes. */
static bool fits_behind(const Survey *s, const DeviceFacts *d) {
        const DeviceFacts *last = s->n_devices > 0 ? &s->devices[s->n_devices - 1] : NULL;

        if (!last || last->is_switch != d->is_switch)
                return d->index == 0 && !(last && last->is_switch);
        return d->index == last->index + 1;
}

static int take_record(Survey *s, const Record *record, bool *have_system) {
        DeviceFacts d;

        switch (record->tag) {
        case RECORD_SYSTEM:
                if (*have_system || read_system(record->body, s) < 0)
                        return -EBADMSG;
                *have_system = true;
                return 0;
        case RECORD_FACTS:
                if (!*have_system || s->n_devices >= SURVEY_DEVICES_MAX || device_facts_read(record->body, &d) < 0 ||
                    !fits_behind(s, &d))
                        return -EBADMSG;
                s->devices[s->n_devices++] = d;
                return 0;
        case RECORD_CALL:
        case RECORD_END:
                return 0;
        default:
                return -EBADMSG;
        }
}

int survey_read(Cursor answer, Survey **ret, Fault *f) {
        _cleanup_(survey_freep) Survey *s = calloc(1, sizeof(*s));
        bool have_system = false;
        Record record;
        int r;

        if (s)
                s->devices = calloc(SURVEY_DEVICES_MAX, sizeof(*s->devices));
        if (!s || !s->devices)
                return fault_set(f, ENOMEM, "survey", "memory", "none left");
        while ((r = record_next(&answer, &record)) > 0) {
                r = take_record(s, &record, &have_system);
                if (r < 0)
                        break;
        }
        if (r < 0 || !have_system || cursor_left(&answer) > 0)
                return fault_set(f, EBADMSG, "survey", "the state of the system and the facts of each device", "something else");
        *ret = TAKE_PTR(s);
        return 0;
}

int survey_take(const SurveyWants *w, Survey **ret, Fault *f) {
        const ProbeLimits limits = { w->device_timeout_usec, w->deadline_usec, w->retries };
        _cleanup_(probe_done) Probe probe = { .name = "survey", .work = look, .argument = w };
        int r;

        r = probe_run(&probe, 1, &limits);
        if (r < 0) {
                *f = probe.fault;
                return r;
        }
        return survey_read(cursor_of(probe.answer, probe.size), ret, f);
}
