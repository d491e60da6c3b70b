/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/gpu-client.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "basic/clock.h"
#include "sim/gpu-access.h"
#include "sim/must.h"

struct SimClient {
        int fd;
        uint16_t id;
};

static int send_message(SimClient *c, uint16_t command, uint32_t flags, const void *data, size_t size) {
        VfioUserHeader h = { ++c->id, command, (uint32_t) (sizeof(h) + size), flags, 0 };
        _cleanup_free_ uint8_t *message = malloc(h.size);

        MUST(message);
        memcpy(message, &h, sizeof(h));
        if (size > 0)
                memcpy(message + sizeof(h), data, size);
        return send(c->fd, message, h.size, MSG_NOSIGNAL) == (ssize_t) h.size ? 0 : -ECONNRESET;
}

static int receive_all(int fd, void *ret, size_t size) {
        return size == 0 || recv(fd, ret, size, MSG_WAITALL) == (ssize_t) size ? 0 : -ECONNRESET;
}

int sim_client_post(SimClient *c, uint16_t command, const void *data, size_t size) {
        return send_message(c, command, VFIO_USER_NO_REPLY, data, size);
}

int sim_client_call(SimClient *c, uint16_t command, const void *data, size_t size, void *ret, size_t ret_size) {
        VfioUserHeader h;
        int r;

        r = send_message(c, command, 0, data, size);
        if (r >= 0)
                r = receive_all(c->fd, &h, sizeof(h));
        if (r < 0)
                return r;
        if (h.id != c->id || h.command != command || (h.flags & VFIO_USER_TYPE_MASK) != VFIO_USER_REPLY)
                return -EPROTO;
        if (h.flags & VFIO_USER_ERROR)
                return h.size == sizeof(h) && h.error != 0 ? -(int) h.error : -EPROTO;
        return h.size == sizeof(h) + ret_size ? receive_all(c->fd, ret, ret_size) : -EPROTO;
}

int sim_client_read(SimClient *c, uint32_t region, uint64_t offset, void *ret, size_t size) {
        VfioUserAccess a = { offset, region, (uint32_t) size };
        _cleanup_free_ uint8_t *reply = malloc(sizeof(a) + size);
        int r;

        MUST(reply);
        r = sim_client_call(c, VFIO_USER_REGION_READ, &a, sizeof(a), reply, sizeof(a) + size);
        if (r >= 0 && memcmp(reply, &a, sizeof(a)) != 0)
                r = -EPROTO;
        if (r >= 0)
                memcpy(ret, reply + sizeof(a), size);
        return r;
}

int sim_client_write(SimClient *c, uint32_t region, uint64_t offset, const void *data, size_t size) {
        VfioUserAccess a = { offset, region, (uint32_t) size }, reply;
        _cleanup_free_ uint8_t *message = malloc(sizeof(a) + size);
        int r;

        MUST(message);
        memcpy(message, &a, sizeof(a));
        memcpy(message + sizeof(a), data, size);
        r = sim_client_call(c, VFIO_USER_REGION_WRITE, message, sizeof(a) + size, &reply, sizeof(reply));
        return r >= 0 && memcmp(&reply, &a, sizeof(a)) != 0 ? -EPROTO : r;
}

static int read32(void *userdata, uint32_t offset, uint32_t *ret) {
        return sim_client_read(userdata, 0, offset, ret, sizeof(*ret));
}

static int write32(void *userdata, uint32_t offset, uint32_t value) {
        return sim_client_write(userdata, 0, offset, &value, sizeof(value));
}

static int config_read32(void *userdata, uint32_t offset, uint32_t *ret) {
        return sim_client_read(userdata, VFIO_USER_REGION_CONFIG, offset, ret, sizeof(*ret));
}

static int config_write16(void *userdata, uint32_t offset, uint16_t value) {
        return sim_client_write(userdata, VFIO_USER_REGION_CONFIG, offset, &value, sizeof(value));
}

static uint64_t now_usec(void *userdata) {
        return monotonic_usec();
}

static int wait_usec(void *userdata, uint64_t usec) {
        struct timespec pause = { .tv_sec = (time_t) (usec / 1000000), .tv_nsec = (long) (usec % 1000000) * 1000 };

        (void) nanosleep(&pause, NULL);
        return 0;
}

const GpuOps sim_client_ops = {
        .read32 = read32,
        .write32 = write32,
        .config_read32 = config_read32,
        .config_write16 = config_write16,
        .now_usec = now_usec,
        .wait_usec = wait_usec,
};

int sim_client_reset(void *userdata, Fault *ret_fault) {
        return sim_kernel_reset(&sim_client_ops, userdata, ret_fault);
}

int sim_client_fd(const SimClient *c) {
        return c->fd;
}

int sim_client_new(const char *path, SimClient **ret) {
        static const uint8_t version[] = "\0\0\0\0" VFIO_USER_JSON;
        _cleanup_(sim_client_freep) SimClient *c = calloc(1, sizeof(*c));
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        uint8_t reply[sizeof(version)];
        int r;

        MUST(c);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (c->fd < 0 || connect(c->fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        r = sim_client_call(c, VFIO_USER_VERSION, version, sizeof(version), reply, sizeof(reply));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

SimClient *sim_client_free(SimClient *c) {
        if (c)
                closep(&c->fd);
        free(c);
        return NULL;
}
