/* Shifts the wall clock, and only the wall clock, of the process that preloads it.
 *
 * CLOCK_SKEW_FILE names a file of two native 64-bit integers: the offset in
 * nanoseconds, and the CLOCK_MONOTONIC time in nanoseconds at which it ends.
 * A missing, short or zero file and a passed deadline mean the true time. The
 * file may appear later; once mapped it must be rewritten in place, never
 * truncated or replaced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define RETRY_NS (SECOND / 20) /* how often a missing file is looked for */

typedef int clock_fn(clockid_t, struct timespec *);
typedef struct { int64_t offset_ns, deadline_ns; } skew_t;

static clock_fn *real_clock;
static const skew_t *mapped;
static int64_t next_try;

static int real(clockid_t id, struct timespec *ts) {
    clock_fn *fn = __atomic_load_n(&real_clock, __ATOMIC_RELAXED);
    if (!fn) {
        fn = (clock_fn *)dlsym(RTLD_NEXT, "clock_gettime");
        __atomic_store_n(&real_clock, fn, __ATOMIC_RELAXED);
    }
    return fn(id, ts);
}

static int64_t monotonic(void) {
    struct timespec ts;
    real(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * SECOND + ts.tv_nsec;
}

/* Two threads may both map the file: same contents, and no lock is needed. */
static const skew_t *skew_file(int64_t now) {
    const skew_t *skew = __atomic_load_n(&mapped, __ATOMIC_ACQUIRE);
    if (skew || now < __atomic_load_n(&next_try, __ATOMIC_RELAXED))
        return skew;
    __atomic_store_n(&next_try, now + RETRY_NS, __ATOMIC_RELAXED);
    const char *path = getenv("CLOCK_SKEW_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size >= (off_t)sizeof *skew) {
        void *page = mmap(NULL, sizeof *skew, PROT_READ, MAP_SHARED, fd, 0);
        if (page != MAP_FAILED)
            __atomic_store_n(&mapped, skew = page, __ATOMIC_RELEASE);
    }
    if (fd >= 0)
        close(fd);
    return skew;
}

static int64_t offset(void) {
    int64_t now = monotonic();
    const skew_t *skew = skew_file(now);
    if (!skew || now >= __atomic_load_n(&skew->deadline_ns, __ATOMIC_RELAXED))
        return 0;
    return __atomic_load_n(&skew->offset_ns, __ATOMIC_RELAXED);
}

int clock_gettime(clockid_t id, struct timespec *ts) {
    int result = real(id, ts);
    int64_t shift = result == 0 && id == CLOCK_REALTIME ? offset() : 0;
    if (shift) {
        int64_t ns = ts->tv_sec * SECOND + ts->tv_nsec + shift;
        ts->tv_sec = ns / SECOND;
        ts->tv_nsec = ns % SECOND;
    }
    return result;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz) {
    (void)tz;
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (result)
        *result = ts.tv_sec;
    return ts.tv_sec;
}
