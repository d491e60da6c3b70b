/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* MESSAGE_IDs of journal records that programs may look for, and what they say (units/cocoon.catalog). */

#define MESSAGE_GPU_READY    "3bacf9b9706c4b309ea66ccb7931c22d"
#define MESSAGE_GPU_RESTORED "647de05d516b4aae96d090361ef15364"
#define MESSAGE_GPU_FAILED   "1bf6dff375a24507a05b6bd2b1d5f19b"
