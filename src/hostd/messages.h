/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* MESSAGE_IDs of journal records that programs may look for, and what they say (units/cocoon.catalog). */

#define MESSAGE_GPU_READY    "3bacf9b9706c4b309ea66ccb7931c22d"
#define MESSAGE_GPU_RESTORED "647de05d516b4aae96d090361ef15364"
#define MESSAGE_GPU_FAILED   "1bf6dff375a24507a05b6bd2b1d5f19b"
#define MESSAGE_GPU_LEASED   "1907da98bf9a470ab8b37b3223b97d99"
#define MESSAGE_LEASE_ENDED  "bbcfe7dd93b74e159b61eb07e690f96f"
#define MESSAGE_MODEL_DONE   "f46331bb471d4061a4842ac6c59f41b2"
#define MESSAGE_MODEL_FAILED "c4ded39e7614427bbe0d3a1cb44c20f3"
