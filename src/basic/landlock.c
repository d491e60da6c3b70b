/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "basic/cleanup.h"

/* All that the first version knows, and what came later. */
#define RIGHTS_1       ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define RIGHT_REFER    (UINT64_C(1) << 13)
#define RIGHT_TRUNCATE (UINT64_C(1) << 14)

int landlock_version(void) {
        long r = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

        return r < 0 ? 0 : (int) r;
}

int landlock_new(void) {
        int version = landlock_version();
        struct landlock_ruleset_attr attr = { .handled_access_fs = RIGHTS_1 };
        long fd;

        if (version == 0)
                return -EOPNOTSUPP;
        if (version >= 2)
                attr.handled_access_fs |= RIGHT_REFER;
        if (version >= 3)
                attr.handled_access_fs |= RIGHT_TRUNCATE;
        fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
        return fd < 0 ? -errno : (int) fd;
}

int landlock_allow(int ruleset, const char *path, bool write) {
        _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
        struct landlock_path_beneath_attr rule = { .parent_fd = fd, .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE };
        struct stat st;

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
        if (write)
                rule.allowed_access |= LANDLOCK_ACCESS_FS_WRITE_FILE;
        return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

int landlock_confine(int ruleset) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
                return -errno;
        return 0;
}
