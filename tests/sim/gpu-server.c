/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/gpu-server.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "basic/clock.h"
#include "sim/must.h"
#include "sim/vfio-user.h"

#define CONFIG_SIZE 4096U
#define BARS        6U

struct SimServer {
        SimGpu *gpu;
        char path[sizeof(((struct sockaddr_un *) NULL)->sun_path)];
        sd_event_source *listener, *client;
        uint8_t *in; /* VFIO_USER_MESSAGE_MAX bytes, of which `n_in` are there */
        size_t n_in;
};

/* What a handler got, and what it answers. */
typedef struct Exchange {
        SimServer *server;
        const uint8_t *data;
        size_t size;
        uint8_t *reply; /* VFIO_USER_MESSAGE_MAX bytes for what follows the header */
        size_t reply_size;
} Exchange;

int sim_listen(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path));
        if (bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 4) < 0)
                return -errno;
        return TAKE_FD(fd);
}

void sim_server_tick(SimGpu *gpu) {
        sim_gpu_set_time(gpu, monotonic_usec());
}

static uint64_t region_size(const SimGpu *g, uint32_t region) {
        return region == VFIO_USER_REGION_CONFIG ? CONFIG_SIZE : region < BARS ? sim_gpu_bar_size(g, region) : 0;
}

/* The largest aligned piece that an access begins with. */
static size_t piece(uint64_t offset, size_t left) {
        size_t n = 4;

        while (n > 1 && (offset % n != 0 || n > left))
                n /= 2;
        return n;
}

static uint32_t read_piece(SimGpu *g, uint32_t region, uint64_t offset, size_t n) {
        if (region == VFIO_USER_REGION_CONFIG)
                return sim_gpu_config_read(g, (uint32_t) offset, n);
        if (region != 0)
                return 0;
        return n == 4 ? sim_gpu_read32(g, (uint32_t) offset) : UINT32_MAX; /* registers have 32 bits, or none */
}

static void write_piece(SimGpu *g, uint32_t region, uint64_t offset, size_t n, uint32_t value) {
        if (region == VFIO_USER_REGION_CONFIG)
                sim_gpu_config_write(g, (uint32_t) offset, n, value);
        else if (region == 0 && n == 4)
                sim_gpu_write32(g, (uint32_t) offset, value);
}

static int check_access(const SimGpu *g, const VfioUserAccess *a) {
        uint64_t size = region_size(g, a->region);

        return a->count > VFIO_USER_DATA_MAX || a->offset > size || a->count > size - a->offset ? -EINVAL : 0;
}

static void write_data(SimGpu *g, const VfioUserAccess *a, const uint8_t *data) {
        for (size_t i = 0, n; i < a->count; i += n) {
                uint32_t value = 0;

                n = piece(a->offset + i, a->count - i);
                memcpy(&value, data + i, n);
                write_piece(g, a->region, a->offset + i, n, value);
        }
}

static int on_region_read(Exchange *x) {
        VfioUserAccess a;
        int r;

        memcpy(&a, x->data, sizeof(a));
        r = check_access(x->server->gpu, &a);
        if (r < 0)
                return r;
        memcpy(x->reply, &a, sizeof(a));
        for (size_t i = 0, n; i < a.count; i += n) {
                uint32_t value;

                n = piece(a.offset + i, a.count - i);
                value = read_piece(x->server->gpu, a.region, a.offset + i, n);
                memcpy(x->reply + sizeof(a) + i, &value, n);
        }
        x->reply_size = sizeof(a) + a.count;
        return 0;
}

static int on_region_write(Exchange *x) {
        VfioUserAccess a;
        int r;

        memcpy(&a, x->data, sizeof(a));
        r = check_access(x->server->gpu, &a);
        if (r < 0 || x->size - sizeof(a) < a.count)
                return -EINVAL;
        write_data(x->server->gpu, &a, x->data + sizeof(a));
        memcpy(x->reply, &a, sizeof(a));
        x->reply_size = sizeof(a);
        return 0;
}

static int on_write_multi(Exchange *x) {
        uint64_t n;

        memcpy(&n, x->data, sizeof(n));
        if (n > (x->size - sizeof(n)) / sizeof(VfioUserWrite))
                return -EINVAL;
        for (uint64_t i = 0; i < n; i++) {
                VfioUserWrite w;

                memcpy(&w, x->data + sizeof(n) + i * sizeof(w), sizeof(w));
                if (check_access(x->server->gpu, &w.access) < 0 || w.access.count > sizeof(w.data))
                        return -EINVAL;
                write_data(x->server->gpu, &w.access, w.data);
        }
        memcpy(x->reply, &n, sizeof(n));
        x->reply_size = sizeof(n);
        return 0;
}

/* The versions are those of the client: nothing in them differs here. */
static int on_version(Exchange *x) {
        memcpy(x->reply, x->data, 4);
        memcpy(x->reply + 4, VFIO_USER_JSON, sizeof(VFIO_USER_JSON));
        x->reply_size = 4 + sizeof(VFIO_USER_JSON);
        return 0;
}

static int on_get_info(Exchange *x) {
        VfioUserInfo info = { sizeof(info), VFIO_USER_CAN_RESET | VFIO_USER_IS_PCI, VFIO_USER_REGIONS, VFIO_USER_IRQS };

        memcpy(x->reply, &info, sizeof(info));
        x->reply_size = sizeof(info);
        return 0;
}

static int on_get_region_info(Exchange *x) {
        VfioUserRegionInfo info;

        memcpy(&info, x->data, sizeof(info));
        if (info.index >= VFIO_USER_REGIONS)
                return -EINVAL;
        info = (VfioUserRegionInfo){ .argsz = sizeof(info), .index = info.index,
                                     .size = region_size(x->server->gpu, info.index) };
        if (info.size > 0)
                info.flags = VFIO_USER_CAN_READ | VFIO_USER_CAN_WRITE;
        memcpy(x->reply, &info, sizeof(info));
        x->reply_size = sizeof(info);
        return 0;
}

static int on_get_irq_info(Exchange *x) {
        VfioUserIrqInfo info;

        memcpy(&info, x->data, sizeof(info));
        info = (VfioUserIrqInfo){ .argsz = sizeof(info), .index = info.index };
        memcpy(x->reply, &info, sizeof(info));
        x->reply_size = sizeof(info);
        return 0;
}

static int on_nothing(Exchange *x) {
        return 0;
}

static int on_dma_unmap(Exchange *x) {
        memcpy(x->reply, x->data, 24);
        x->reply_size = 24;
        return 0;
}

/* Whoever asks VFIO for a reset gets the device back when its configuration space answers. */
static int on_reset(Exchange *x) {
        SimGpu *g = x->server->gpu;
        SimGpuTimes times = *sim_gpu_times(g), at_once = times;

        at_once.config = 0;
        sim_gpu_set_times(g, &at_once);
        sim_gpu_reset(g, false);
        sim_gpu_set_times(g, &times);
        return 0;
}

static const struct {
        int (*handle)(Exchange *x);
        size_t size; /* after the header, at least */
} commands[] = {
        [VFIO_USER_VERSION]            = { on_version,         4                          },
        [VFIO_USER_DMA_MAP]            = { on_nothing,         0                          },
        [VFIO_USER_DMA_UNMAP]          = { on_dma_unmap,       24                         },
        [VFIO_USER_GET_INFO]           = { on_get_info,        0                          },
        [VFIO_USER_GET_REGION_INFO]    = { on_get_region_info, sizeof(VfioUserRegionInfo) },
        [VFIO_USER_GET_IRQ_INFO]       = { on_get_irq_info,    sizeof(VfioUserIrqInfo)    },
        [VFIO_USER_SET_IRQS]           = { on_nothing,         0                          },
        [VFIO_USER_REGION_READ]        = { on_region_read,     sizeof(VfioUserAccess)     },
        [VFIO_USER_REGION_WRITE]       = { on_region_write,    sizeof(VfioUserAccess)     },
        [VFIO_USER_RESET]              = { on_reset,           0                          },
        [VFIO_USER_REGION_WRITE_MULTI] = { on_write_multi,     8                          },
};

static int send_all(int fd, const uint8_t *data, size_t size) {
        while (size > 0) {
                ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}

/* One whole message. 0, or a negative errno when the client cannot be talked to. */
static int handle_message(SimServer *s, int fd, const VfioUserHeader *h, const uint8_t *data) {
        _cleanup_free_ uint8_t *out = malloc(sizeof(*h) + VFIO_USER_MESSAGE_MAX);
        Exchange x = { .server = s, .data = data, .size = h->size - sizeof(*h) };
        VfioUserHeader reply = { h->id, h->command, sizeof(reply), VFIO_USER_REPLY, 0 };
        int r = -EOPNOTSUPP;

        MUST(out);
        if ((h->flags & VFIO_USER_TYPE_MASK) != 0)
                return 0;
        x.reply = out + sizeof(reply);
        sim_server_tick(s->gpu);
        if (h->command < ELEMENTSOF(commands) && commands[h->command].handle)
                r = x.size < commands[h->command].size ? -EINVAL : commands[h->command].handle(&x);
        if (h->flags & VFIO_USER_NO_REPLY)
                return 0;
        if (r < 0) {
                reply.flags |= VFIO_USER_ERROR;
                reply.error = (uint32_t) -r;
                x.reply_size = 0;
        }
        reply.size += (uint32_t) x.reply_size;
        memcpy(out, &reply, sizeof(reply));
        return send_all(fd, out, reply.size);
}

/* Descriptors come with memory and interrupts; this device uses neither. */
static void close_fds(struct msghdr *message) {
        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
                size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                int fds[VFIO_USER_FDS_MAX];

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || n > ELEMENTSOF(fds))
                        continue;
                memcpy(fds, CMSG_DATA(c), n * sizeof(int));
                for (size_t i = 0; i < n; i++)
                        (void) close(fds[i]);
        }
}

static ssize_t receive(SimServer *s, int fd) {
        union {
                char bytes[CMSG_SPACE(VFIO_USER_FDS_MAX * sizeof(int))];
                struct cmsghdr align;
        } control;
        struct iovec data = { s->in + s->n_in, VFIO_USER_MESSAGE_MAX - s->n_in };
        struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
                                  .msg_controllen = sizeof(control) };
        ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? -EAGAIN : -errno;
        close_fds(&message);
        return n;
}

/* All whole messages that are there; what is left of one stays. */
static int handle_messages(SimServer *s, int fd) {
        size_t at = 0;
        int r = 0;

        while (r >= 0 && s->n_in - at >= sizeof(VfioUserHeader)) {
                VfioUserHeader h;

                memcpy(&h, s->in + at, sizeof(h));
                if (h.size < sizeof(h) || h.size > VFIO_USER_MESSAGE_MAX)
                        return -EBADMSG;
                if (h.size > s->n_in - at)
                        break;
                r = handle_message(s, fd, &h, s->in + at + sizeof(h));
                at += h.size;
        }
        memmove(s->in, s->in + at, s->n_in - at);
        s->n_in -= at;
        return r;
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        SimServer *s = userdata;
        ssize_t n = receive(s, fd);
        int r = -ENOTCONN;

        if (n == -EAGAIN)
                return 0;
        if (n > 0) {
                s->n_in += (size_t) n;
                r = handle_messages(s, fd);
        }
        if (r < 0)
                s->client = sd_event_source_disable_unref(s->client);
        return 0;
}

static int on_listener(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        SimServer *s = userdata;
        _cleanup_close_ int client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        const struct timeval patience = { .tv_sec = 5 };

        if (client_fd < 0 || s->client) /* the second one at a time is sent away */
                return 0;
        s->n_in = 0;
        (void) setsockopt(client_fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        MUST(sd_event_add_io(sd_event_source_get_event(source), &s->client, client_fd, EPOLLIN, on_client, s) >= 0);
        MUST(sd_event_source_set_io_fd_own(s->client, true) >= 0);
        (void) TAKE_FD(client_fd);
        return 0;
}

int sim_server_new(sd_event *event, const char *path, SimGpu *gpu, SimServer **ret) {
        _cleanup_(sim_server_freep) SimServer *s = calloc(1, sizeof(*s));
        _cleanup_close_ int fd = sim_listen(path);

        if (fd < 0)
                return fd;
        MUST(s);
        s->gpu = gpu;
        s->in = malloc(VFIO_USER_MESSAGE_MAX);
        MUST(s->in);
        (void) snprintf(s->path, sizeof(s->path), "%s", path);
        MUST(sd_event_add_io(event, &s->listener, fd, EPOLLIN, on_listener, s) >= 0);
        MUST(sd_event_source_set_io_fd_own(s->listener, true) >= 0);
        (void) TAKE_FD(fd);
        *ret = TAKE_PTR(s);
        return 0;
}

SimServer *sim_server_free(SimServer *s) {
        if (!s)
                return NULL;
        sd_event_source_disable_unref(s->listener);
        sd_event_source_disable_unref(s->client);
        if (s->path[0])
                (void) unlink(s->path);
        free(s->in);
        free(s);
        return NULL;
}
