/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Many equal pieces of work on a few threads. */

#include <stddef.h>
#include <stdint.h>

/* One piece; `scratch` is the thread's own. 0, or a negative errno, which stops the others. */
typedef int (*ParallelWork)(void *userdata, void *scratch, uint64_t index);

/* Called in the calling thread a few times a second while pieces are worked on; a negative errno stops them. */
typedef int (*ParallelTick)(void *userdata);

/* Runs `work` for every index below `n`, handed out in ascending order, on `jobs` threads (0: one for each processor
 * that this one may use) with `scratch_size` bytes each, page aligned; on fewer threads when these bytes
 * come to more than 32 MiB in all. `tick` may be NULL. 0; the error of the piece
 * that failed first; -ENOMEM or the errno of making a thread, and then nothing runs any more. */
int parallel_run(unsigned jobs, uint64_t n, size_t scratch_size, ParallelWork work, ParallelTick tick, void *userdata);

/* How many processors this thread may use; at least 1. */
unsigned parallel_processors(void);
