/* SPDX-License-Identifier: Apache-2.0 */

#include "vfio/limit.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/clock.h"

/* Of caller and thread; the one that comes second frees it. */
typedef struct Limited {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool done, left;
        int result;
        int (*call)(void *argument);
        max_align_t argument[];
} Limited;

static void limited_free(Limited *l) {
        (void) pthread_cond_destroy(&l->changed);
        (void) pthread_mutex_destroy(&l->lock);
        free(l);
}

static void *run(void *userdata) {
        Limited *l = userdata;
        int r = l->call(l->argument);
        bool left;

        (void) pthread_mutex_lock(&l->lock);
        l->result = r;
        l->done = true;
        left = l->left;
        (void) pthread_cond_signal(&l->changed);
        (void) pthread_mutex_unlock(&l->lock);
        if (left)
                limited_free(l);
        return NULL;
}

static int limited_new(Limited **ret, int (*call)(void *argument), const void *argument, size_t size) {
        pthread_condattr_t attributes;
        Limited *l = calloc(1, sizeof(*l) + size);

        if (!l)
                return -ENOMEM;
        l->call = call;
        memcpy(l->argument, argument, size);
        (void) pthread_mutex_init(&l->lock, NULL);
        (void) pthread_condattr_init(&attributes);
        (void) pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        (void) pthread_cond_init(&l->changed, &attributes);
        (void) pthread_condattr_destroy(&attributes);
        *ret = l;
        return 0;
}

static int limited_wait(Limited *l, uint64_t usec) {
        uint64_t end = monotonic_usec() + usec;
        struct timespec until = { .tv_sec = (time_t) (end / USEC_PER_SEC), .tv_nsec = (long) (end % USEC_PER_SEC * 1000) };
        int r = 0;

        (void) pthread_mutex_lock(&l->lock);
        while (!l->done && r == 0)
                r = pthread_cond_timedwait(&l->changed, &l->lock, &until);
        l->left = !l->done;
        (void) pthread_mutex_unlock(&l->lock);
        return l->left ? -ETIMEDOUT : 0;
}

int limited_call(int (*call)(void *argument), void *argument, size_t size, uint64_t usec) {
        pthread_t thread;
        Limited *l;
        int r;

        r = limited_new(&l, call, argument, size);
        if (r < 0)
                return r;
        r = -pthread_create(&thread, NULL, run, l);
        if (r < 0) {
                limited_free(l);
                return r;
        }
        r = limited_wait(l, usec);
        if (r < 0) {
                (void) pthread_detach(thread);
                return r;
        }
        (void) pthread_join(thread, NULL);
        memcpy(argument, l->argument, size);
        r = l->result;
        limited_free(l);
        return r;
}
