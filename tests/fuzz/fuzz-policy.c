/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>

#include "attest/policy.h"
#include "basic/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_json_ json_object *overall = NULL, *devices = NULL, *failures = NULL;
        _cleanup_(policy_freep) Policy *policy = NULL;
        static const char claims[] = "{\"GPU-0\":{\"measres\":\"success\",\"x-nvidia-gpu-arch-check\":true},"
                                     "\"SWITCH-0\":{\"x-nvidia-switch-arch-check\":true}}";
        Fault fault;

        if (policy_parse((const char *) data, size, &policy, &fault) < 0)
                return 0;
        (void) policy_check_form(policy, &fault);
        (void) policy_claims_version(policy);
        (void) policy_ocsp_rule(policy);
        (void) policy_version(policy);
        overall = json_object_new_object();
        if (json_parse(claims, sizeof(claims) - 1, 4, 16, &devices) >= 0)
                (void) policy_evaluate(policy, overall, devices, &failures);
        return 0;
}
