// A device of little memory: refuses aligned allocations of 16 MiB and more beyond LIMIT_MIB of them in all, as a driver does
// whose device is full. Mesa's software device (lavapipe) takes what a device holds by posix_memalign; all else is left alone.
//
//   cc -shared -fPIC -o limited.so limited.c && LIMIT_MIB=300 LD_PRELOAD=./limited.so PROGRAM
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define LEAST ((size_t)16 << 20)
#define MOST 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { void *place; size_t size; } held[MOST];
static size_t total;

// Whether so much more is allowed.
static int admitted(size_t size) {
  const char *limit = getenv("LIMIT_MIB");
  return !limit || total + size <= (size_t)atol(limit) << 20;
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  static int (*real)(void **, size_t, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "posix_memalign");
  if (size < LEAST) return real(out, alignment, size);
  pthread_mutex_lock(&lock);
  int failed = admitted(size) ? real(out, alignment, size) : ENOMEM;
  for (int k = 0; !failed && k < MOST; k++)
    if (!held[k].place) {
      held[k].place = *out;
      held[k].size = size;
      total += size;
      break;
    }
  pthread_mutex_unlock(&lock);
  return failed;
}

void free(void *place) {
  static void (*real)(void *);
  if (!real) real = dlsym(RTLD_NEXT, "free");
  if (place && total) {
    pthread_mutex_lock(&lock);
    for (int k = 0; k < MOST; k++)
      if (held[k].place == place) {
        total -= held[k].size;
        held[k].place = NULL;
        break;
      }
    pthread_mutex_unlock(&lock);
  }
  real(place);
}
