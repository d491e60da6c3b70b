/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The vfio-user protocol as far as QEMU speaks it to a PCI device: messages on a UNIX stream socket, little-endian.
 * One message is a header and what its command has. */

#include <assert.h>
#include <stdint.h>

enum {
        VFIO_USER_VERSION            = 1,
        VFIO_USER_DMA_MAP            = 2,
        VFIO_USER_DMA_UNMAP          = 3,
        VFIO_USER_GET_INFO           = 4,
        VFIO_USER_GET_REGION_INFO    = 5,
        VFIO_USER_GET_IRQ_INFO       = 7,
        VFIO_USER_SET_IRQS           = 8,
        VFIO_USER_REGION_READ        = 9,
        VFIO_USER_REGION_WRITE       = 10,
        VFIO_USER_RESET              = 13,
        VFIO_USER_REGION_WRITE_MULTI = 15,
};

enum {
        VFIO_USER_TYPE_MASK = 0xf, /* 0: a command, 1: a reply */
        VFIO_USER_REPLY     = 0x1,
        VFIO_USER_NO_REPLY  = 0x10,
        VFIO_USER_ERROR     = 0x20,
};

/* As in VFIO. */
enum {
        VFIO_USER_REGION_ROM    = 6,
        VFIO_USER_REGION_CONFIG = 7,
        VFIO_USER_REGIONS       = 9,
        VFIO_USER_IRQS          = 5,
        VFIO_USER_CAN_RESET     = 1,
        VFIO_USER_IS_PCI        = 2,
        VFIO_USER_CAN_READ      = 1,
        VFIO_USER_CAN_WRITE     = 2,
};

#define VFIO_USER_DATA_MAX    1048576U
#define VFIO_USER_FDS_MAX     8U
#define VFIO_USER_MESSAGE_MAX (VFIO_USER_DATA_MAX + 64)
#define VFIO_USER_JSON        "{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576}}"

typedef struct VfioUserHeader {
        uint16_t id, command;
        uint32_t size; /* with the header */
        uint32_t flags, error;
} VfioUserHeader;
static_assert(sizeof(VfioUserHeader) == 16, "as on the wire");

typedef struct VfioUserInfo {
        uint32_t argsz, flags, n_regions, n_irqs;
} VfioUserInfo;
static_assert(sizeof(VfioUserInfo) == 16, "as on the wire");

typedef struct VfioUserRegionInfo {
        uint32_t argsz, flags, index, cap_offset;
        uint64_t size, offset;
} VfioUserRegionInfo;
static_assert(sizeof(VfioUserRegionInfo) == 32, "as on the wire");

typedef struct VfioUserIrqInfo {
        uint32_t argsz, flags, index, count;
} VfioUserIrqInfo;
static_assert(sizeof(VfioUserIrqInfo) == 16, "as on the wire");

/* Of a read and of a write, before the data. */
typedef struct VfioUserAccess {
        uint64_t offset;
        uint32_t region, count;
} VfioUserAccess;
static_assert(sizeof(VfioUserAccess) == 16, "as on the wire");

/* One of many in a write of many, after their number in 64 bits. */
typedef struct VfioUserWrite {
        VfioUserAccess access;
        uint8_t data[8];
} VfioUserWrite;
static_assert(sizeof(VfioUserWrite) == 24, "as on the wire");
