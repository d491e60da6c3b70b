/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "basic/cleanup.h"

#define JOBS_MAX    256U
#define SCRATCH_MAX (32U * 1024 * 1024) /* of all threads: more of them would wait for memory and disks anyway */
#define TICK_NSEC   100000000L

typedef struct Run {
        uint64_t n;
        size_t scratch_size;
        ParallelWork work;
        void *userdata;
        atomic_uint_fast64_t next;
        atomic_int error; /* of whoever failed first; 0 while all is well */

        pthread_mutex_t lock;
        pthread_cond_t changed;
        unsigned running;
} Run;

static void fail(Run *run, int error) {
        int none = 0;

        (void) atomic_compare_exchange_strong(&run->error, &none, error);
}

static void work_through(Run *run) {
        _cleanup_free_ void *scratch = NULL;

        if (posix_memalign(&scratch, 4096, run->scratch_size > 0 ? run->scratch_size : 1) != 0) {
                scratch = NULL;
                fail(run, -ENOMEM);
        }
        while (atomic_load(&run->error) == 0) {
                uint64_t index = atomic_fetch_add(&run->next, 1);
                int r;

                if (index >= run->n)
                        break;
                r = run->work(run->userdata, scratch, index);
                if (r < 0)
                        fail(run, r);
        }
}

static void *thread_main(void *userdata) {
        Run *run = userdata;

        work_through(run);
        (void) pthread_mutex_lock(&run->lock);
        run->running--;
        (void) pthread_cond_signal(&run->changed);
        (void) pthread_mutex_unlock(&run->lock);
        return NULL;
}

/* Until all threads are through. */
static void watch(Run *run, ParallelTick tick) {
        bool ticking = tick;

        (void) pthread_mutex_lock(&run->lock);
        while (run->running > 0) {
                struct timespec until;
                int r;

                if (!ticking) {
                        (void) pthread_cond_wait(&run->changed, &run->lock);
                        continue;
                }
                (void) clock_gettime(CLOCK_REALTIME, &until);
                until.tv_nsec += TICK_NSEC;
                until.tv_sec += until.tv_nsec / 1000000000L;
                until.tv_nsec %= 1000000000L;
                (void) pthread_cond_timedwait(&run->changed, &run->lock, &until);
                (void) pthread_mutex_unlock(&run->lock);
                r = tick(run->userdata);
                if (r < 0) {
                        fail(run, r);
                        ticking = false;
                }
                (void) pthread_mutex_lock(&run->lock);
        }
        (void) pthread_mutex_unlock(&run->lock);
}

unsigned parallel_processors(void) {
        cpu_set_t set;

        if (sched_getaffinity(0, sizeof(set), &set) < 0)
                return 1;
        return CPU_COUNT(&set) > 0 ? (unsigned) CPU_COUNT(&set) : 1;
}

int parallel_run(unsigned jobs, uint64_t n, size_t scratch_size, ParallelWork work, ParallelTick tick, void *userdata) {
        Run run = { .n = n, .scratch_size = scratch_size, .work = work, .userdata = userdata,
                    .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
        pthread_t threads[JOBS_MAX];
        unsigned started;

        if (jobs == 0)
                jobs = parallel_processors();
        if (jobs > JOBS_MAX)
                jobs = JOBS_MAX;
        if (scratch_size > 0 && jobs > SCRATCH_MAX / scratch_size)
                jobs = scratch_size < SCRATCH_MAX ? (unsigned) (SCRATCH_MAX / scratch_size) : 1;
        if (jobs > n)
                jobs = (unsigned) n;
        run.running = jobs;
        for (started = 0; started < jobs; started++) {
                int r = pthread_create(&threads[started], NULL, thread_main, &run);

                if (r != 0) {
                        fail(&run, -r);
                        break;
                }
        }
        (void) pthread_mutex_lock(&run.lock);
        run.running -= jobs - started;
        (void) pthread_mutex_unlock(&run.lock);
        watch(&run, tick);
        for (unsigned i = 0; i < started; i++)
                (void) pthread_join(threads[i], NULL);
        (void) pthread_cond_destroy(&run.changed);
        (void) pthread_mutex_destroy(&run.lock);
        return atomic_load(&run.error);
}
