/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* MESSAGE_IDs of journal records that programs may look for, and what they say (units/cocoon.catalog). */

#define MESSAGE_GPUS_ATTESTED   "ffacb032cddb4b5b93f67e17a587272d"
#define MESSAGE_GPUS_REFUSED    "06f58089162a415a9240b43e7c4de83d"
#define MESSAGE_GPU_UNATTESTED  "1b422a3923f24062859e653b5c6ff9b5"
