/* SPDX-License-Identifier: Apache-2.0 */

#include "model/disk.h"

#include <fcntl.h>
#include <libcryptsetup.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "basic/hex.h"
#include "basic/io.h"
#include "basic/json.h"
#include "model/claim.h"
#include "model/erofs.h"
#include "model/verity.h"

#define MAPPING_PATH "/dev/mapper/" MODEL_MAPPING
#define STATE_DIRECTORY "/run/cocoon"

typedef struct crypt_device CryptDevice;
DEFINE_CLEANUP_FUNC(CryptDevice *, crypt_free)

/* What libcryptsetup says about a failure, the first line of it. */
typedef struct CryptLog {
        char text[192];
} CryptLog;

static void keep_message(int level, const char *message, void *userdata) {
        CryptLog *log = userdata;

        if (level == CRYPT_LOG_ERROR && !log->text[0])
                (void) snprintf(log->text, sizeof(log->text), "%.*s", (int) strcspn(message, "\n"), message);
}

/* Whoever opens or closes holds this; two at once would undo each other's work. */
static int lock_state(int *ret_fd, Fault *f) {
        _cleanup_close_ int fd = -EBADF;

        if (mkdir(STATE_DIRECTORY, 0755) < 0 && errno != EEXIST)
                return fault_set(f, errno, "directory", STATE_DIRECTORY, "%s", strerror(errno));
        fd = open(STATE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                return fault_set(f, errno, "directory", STATE_DIRECTORY, "%s", strerror(errno));
        *ret_fd = TAKE_FD(fd);
        return 0;
}
