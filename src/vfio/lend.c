/* SPDX-License-Identifier: Apache-2.0 */

#include "vfio/lend.h"

#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "vfio/node.h"

#define ACL_ATTRIBUTE   "system.posix_acl_access"
#define ACL_ENTRIES_MAX 64U
#define READ_WRITE      6U

/* As the kernel has it in the attribute. */
typedef struct Acl {
        struct posix_acl_xattr_header header;
        struct posix_acl_xattr_entry entries[ACL_ENTRIES_MAX];
} Acl;

void vfio_loan_close(VfioLoan *loan) {
        closep(&loan->device);
        closep(&loan->iommu);
        *loan = (VfioLoan){ -EBADF, -EBADF };
}

static char *group_path(const PciDevice *d, char ret[static PATH_MAX], Fault *f) {
        char node[PCI_TEXT_SIZE];

        if (vfio_group_node(d, node, f) < 0)
                return NULL;
        (void) snprintf(ret, PATH_MAX, "%s/dev/%s", d->host->root, node);
        return ret;
}

static int node_fault(const char *path, Fault *f) {
        return fault_set(f, errno, path, "its permissions to be changed", "%m");
}

/* What the list says of the group itself; where there is a list, the mode has its mask instead. -1: nothing. */
static int acl_group_permissions(const Acl *acl, size_t size) {
        size_t n = size < sizeof(acl->header) ? 0 : (size - sizeof(acl->header)) / sizeof(acl->entries[0]);

        for (size_t i = 0; i < n; i++)
                if (le16toh(acl->entries[i].e_tag) == ACL_GROUP_OBJ)
                        return le16toh(acl->entries[i].e_perm) & 7;
        return -1;
}

/* The mode first: it closes the mask, so that nobody of the list is left with anything at any time. */
static int remove_acl(const char *path, Fault *f) {
        struct stat st;
        ssize_t size;
        int group;
        Acl acl;

        size = getxattr(path, ACL_ATTRIBUTE, &acl, sizeof(acl));
        if (size < 0)
                return errno == ENODATA || errno == EOPNOTSUPP || errno == ENOENT ? 0 : node_fault(path, f);
        group = acl_group_permissions(&acl, (size_t) size);
        if (stat(path, &st) < 0 ||
            chmod(path, (st.st_mode & 0707) | (mode_t) (group < 0 ? 0 : group) << 3) < 0 ||
            removexattr(path, ACL_ATTRIBUTE) < 0)
                return node_fault(path, f);
        return 0;
}

static struct posix_acl_xattr_entry acl_entry(uint16_t tag, mode_t permissions, uint32_t id) {
        return (struct posix_acl_xattr_entry){ htole16(tag), htole16((uint16_t) (permissions & 7)), htole32(id) };
}

static int allow_user(const char *path, uid_t uid, Fault *f) {
        const uint32_t none = (uint32_t) ACL_UNDEFINED_ID;
        struct stat st;
        Acl acl;

        if (stat(path, &st) < 0)
                return node_fault(path, f);
        acl.header.a_version = htole32(POSIX_ACL_XATTR_VERSION);
        acl.entries[0] = acl_entry(ACL_USER_OBJ, st.st_mode >> 6, none);
        acl.entries[1] = acl_entry(ACL_USER, READ_WRITE, uid);
        acl.entries[2] = acl_entry(ACL_GROUP_OBJ, st.st_mode >> 3, none);
        acl.entries[3] = acl_entry(ACL_MASK, READ_WRITE | st.st_mode >> 3, none);
        acl.entries[4] = acl_entry(ACL_OTHER, st.st_mode, none);
        if (setxattr(path, ACL_ATTRIBUTE, &acl, sizeof(acl.header) + 5 * sizeof(acl.entries[0]), 0) < 0)
                return node_fault(path, f);
        return 0;
}

/* QEMU opens a group by its name; there is no other way. */
static int lend_group(const PciDevice *d, uid_t uid, VfioLoan *loan, Fault *f) {
        char path[PATH_MAX];
        int r;

        if (!group_path(d, path, f))
                return -EOPNOTSUPP;
        loan->iommu = vfio_open_node(d, "vfio/vfio", f);
        if (loan->iommu < 0)
                return loan->iommu;
        loan->device = open(path, O_PATH | O_CLOEXEC);
        if (loan->device < 0)
                return fault_set(f, errno, path, "the node of its group", "%m");
        r = remove_acl(path, f);
        return r < 0 || uid == 0 ? r : allow_user(path, uid, f);
}

static int lend_cdev(const PciDevice *d, const char *node, VfioLoan *loan, Fault *f) {
        loan->device = vfio_open_node(d, node, f);
        if (loan->device < 0)
                return loan->device;
        loan->iommu = vfio_open_node(d, "iommu", f);
        return loan->iommu < 0 ? loan->iommu : 0;
}

int vfio_lend(const PciDevice *d, uid_t uid, VfioLoan *ret, Fault *ret_fault) {
        VfioLoan loan = { -EBADF, -EBADF };
        char cdev[PCI_TEXT_SIZE];
        int r;

        vfio_cdev_node(d, cdev);
        r = *cdev ? lend_cdev(d, cdev, &loan, ret_fault) : lend_group(d, uid, &loan, ret_fault);
        if (r < 0) {
                vfio_loan_close(&loan);
                return r;
        }
        *ret = loan;
        return 0;
}

int vfio_take_back(const PciDevice *d, Fault *ret_fault) {
        char path[PATH_MAX];

        return group_path(d, path, NULL) ? remove_acl(path, ret_fault) : 0;
}
