/* SPDX-License-Identifier: Apache-2.0 */

/* What comes back from a child that has the driver's libraries in it: survey, evidence, ready state, failures. */

#include <stddef.h>
#include <stdint.h>

#include "attest/collect.h"
#include "attest/ready.h"
#include "attest/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_survey(Cursor answer) {
        const SurveyWants wants = { .gpus = 1 };
        Survey *survey = NULL;
        Fault fault;

        if (survey_read(answer, &survey, &fault) < 0)
                return;
        if (survey_judge(survey, &wants, &fault) >= 0)
                (void) survey_compare(survey, survey, &fault);
        (void) survey_free(survey);
}

static void read_evidence(Cursor answer) {
        EvidenceSet *set = calloc(1, sizeof(*set));
        Fault fault;

        if (set)
                set->items = calloc(1, sizeof(*set->items));
        if (set && set->items) {
                set->n_items = 1;
                (void) collect_read(answer, &set->items[0], &fault);
        }
        (void) evidence_set_free(set);
}

static void read_faults(Cursor answer) {
        Record record;
        Fault fault;
        int error;

        while (record_next(&answer, &record) > 0)
                (void) record_take_fault(record.body, &error, &fault);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Cursor answer = cursor_of(data, size);
        Fault fault;
        bool ready;

        read_survey(answer);
        read_evidence(answer);
        read_faults(answer);
        (void) ready_read(answer, &ready, &fault);
        return 0;
}
