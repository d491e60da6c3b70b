/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Offsets in BAR0 and in configuration space that are the same on every chip; chip.h has those that differ. Facts are
 * those of NVIDIA gpu-admin-tools v2025.10.20 and of the hardware headers in open-gpu-kernel-modules 595.45.04. */

#define REG_BOOT_0 0x000000U /* which chip; on Hopper 0 in recovery mode */

/* Written with these values once a Hopper GPU answers, and again after each reset ("init priv ring"). */
#define REG_PRIV_RING_COMMAND       0x12004cU
#define REG_PRIV_RING_COMMAND_VALUE 0x4U
#define REG_PRIV_RING_MODE          0x122204U
#define REG_PRIV_RING_MODE_VALUE    0x2U

/* FSP, the security processor. EMEM channel 2 is free for tools, channel 0 belongs to NVIDIA's driver. */
#define REG_FSP_STATUS           0x8f0320U /* four words, of use to NVIDIA's support only */
#define REG_FSP_STATUS_WORDS     4U
#define REG_FSP_EMEM_CONTROL     0x8f2ad0U
#define REG_FSP_EMEM_DATA        0x8f2ad4U
#define REG_FSP_COMMAND_HEAD     0x8f2c10U
#define REG_FSP_COMMAND_TAIL     0x8f2c14U
#define REG_FSP_MESSAGE_HEAD     0x8f2c90U
#define REG_FSP_MESSAGE_TAIL     0x8f2c94U
#define FSP_EMEM_BASE            0x800U /* bytes; request and response share these */
#define FSP_EMEM_SIZE            1024U
#define FSP_EMEM_AUTO_INCREMENT  0x03000000U /* on write and on read */

/* MNOC port 0, named as FSP sees it: what it sends and what it receives. */
#define REG_FSP_MNOC_SEND_INFO    0x8f1f04U
#define REG_FSP_MNOC_SEND_DATA    0x8f1f08U
#define REG_FSP_MNOC_RECEIVE_INFO 0x8f1f84U
#define REG_FSP_MNOC_RECEIVE_DATA 0x8f1f88U
#define FSP_MNOC_SIZE_MASK        0x000fffffU /* bytes */
#define FSP_MNOC_TRIGGER          (1U << 20)
#define FSP_MNOC_READY            (1U << 24)
#define FSP_MNOC_ERROR            (1U << 25)
#define FSP_MNOC_CREDIT           (1U << 26)
#define FSP_MNOC_CREDIT_BYTES     64U   /* a credit is needed before each of these */
#define FSP_MNOC_MESSAGE_MAX      4160U /* bytes, port 0 */

/* What a read gives instead of a register. */
#define BAR0_ALL_ONES       0xffffffffU
#define BAR0_ERROR          0xbadfU /* upper half: an error of the privileged ring */
#define BAR0_SECURITY_FAULT 0xbadf0200U
#define BAR0_SECURITY_OTHER 0xbad00200U

/* Configuration space. */
#define CFG_ID              0x00U
#define CFG_COMMAND         0x04U
#define CFG_COMMAND_MEMORY  0x0002U
#define CFG_CLASS           0x08U /* upper 24 bits */
#define CFG_SUBSYSTEM       0x2cU
#define CFG_CAPABILITIES    0x34U
#define CFG_ALIVE           0xf0U /* not likely to be emulated by anything in between; never 0xffff */
#define CFG_EXTENDED        0x100U
#define CFG_SECURITY_HOPPER 0x2b4U

#define CAP_PM               0x01U
#define CAP_PM_STATUS        0x04U
#define CAP_PM_STATE_MASK    0x3U
#define CAP_DVSEC            0x23U
#define CAP_DVSEC_VENDOR     0x04U /* low half */
#define CAP_DVSEC_ID         0x08U /* low half; NVIDIA's number 0 is meant everywhere below */
#define CAP_DVSEC_STATE      0x08U
#define CAP_DVSEC_RECOVERY   (1U << 17)
#define CAP_DVSEC_FIREWALL   (1U << 20)
#define CAP_DVSEC_SECURITY   0x14U

#define PCI_VENDOR_NVIDIA 0x10deU
#define PCI_CLASS_VGA     0x030000U
#define PCI_CLASS_3D      0x030200U
#define PCI_CLASS_SWITCH  0x068000U

#define USEC_PER_MSEC 1000ULL
#define USEC_PER_SEC  1000000ULL
