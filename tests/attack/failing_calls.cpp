// Preloaded: makes the n-th call of one function of the C library fail, counted over all processes that inherit it.
//
//   FAILING_CALL=FUNCTION:N:ERRNO:once|on   FAILING_CALL_COUNT=FILE (8 bytes, shared)
//
// In a Python process it begins to count when pindrill's own code is loaded: before that, it is Python's own start.

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

struct Plan {
  char function[32] = "";
  long at = 0;
  int error = 0;
  bool on = false;
  std::atomic<long>* count = nullptr;
  std::atomic<bool> begun{false};
};

Plan plan;

template <typename Function>
Function* real(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

__attribute__((constructor)) void read_plan() {
  const char* text = std::getenv("FAILING_CALL");
  const char* file = std::getenv("FAILING_CALL_COUNT");
  char how[8] = "";
  if (text == nullptr || file == nullptr) return;
  if (std::sscanf(text, "%31[^:]:%ld:%d:%7s", plan.function, &plan.at, &plan.error, how) != 4) return;
  plan.on = std::strcmp(how, "on") == 0;
  const int fd = real(&open, "open")(file, O_RDWR | O_CLOEXEC);
  void* shared = mmap(nullptr, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (shared != MAP_FAILED) plan.count = static_cast<std::atomic<long>*>(shared);
}

void look(const char* path) {
  if (!plan.begun && path != nullptr && std::strstr(path, "/pindrill/cli/") != nullptr) plan.begun = true;
}

bool fails(const char* function) {
  if (plan.count == nullptr || !plan.begun || std::strcmp(plan.function, function) != 0) return false;
  const long number = ++*plan.count;
  if (plan.on ? number < plan.at : number != plan.at) return false;
  errno = plan.error;
  return true;
}

}  // namespace

extern "C" {

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (fails("open")) return -1;
  look(path);
  return real(&open64, "open64")(path, flags, mode);
}

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (fails("open")) return -1;
  look(path);
  return real(&open, "open")(path, flags, mode);
}

int openat64(int directory, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return fails("open") ? -1 : real(&openat64, "openat64")(directory, path, flags, mode);
}

#define FAILING(result, name, parameters, arguments, bad) \
  result name parameters { return fails(#name) ? bad : real(&name, #name) arguments; }

FAILING(int, socket, (int a, int b, int c), (a, b, c), -1)
FAILING(int, socketpair, (int a, int b, int c, int* d), (a, b, c, d), -1)
FAILING(int, bind, (int a, const sockaddr* b, socklen_t c), (a, b, c), -1)
FAILING(int, listen, (int a, int b), (a, b), -1)
FAILING(int, accept, (int a, sockaddr* b, socklen_t* c), (a, b, c), -1)
FAILING(int, accept4, (int a, sockaddr* b, socklen_t* c, int d), (a, b, c, d), -1)
FAILING(int, pipe2, (int* a, int b), (a, b), -1)
FAILING(int, dup2, (int a, int b), (a, b), -1)
FAILING(int, epoll_create1, (int a), (a), -1)
FAILING(int, eventfd, (unsigned a, int b), (a, b), -1)
FAILING(ssize_t, write, (int a, const void* b, size_t c), (a, b, c), -1)
FAILING(ssize_t, read, (int a, void* b, size_t c), (a, b, c), -1)
FAILING(ssize_t, pwrite64, (int a, const void* b, size_t c, off64_t d), (a, b, c, d), -1)
FAILING(int, mkdir, (const char* a, mode_t b), (a, b), -1)
FAILING(int, rename, (const char* a, const char* b), (a, b), -1)
FAILING(int, chmod, (const char* a, mode_t b), (a, b), -1)
FAILING(int, ftruncate64, (int a, off64_t b), (a, b), -1)
FAILING(int, execve, (const char* a, char* const* b, char* const* c), (a, b, c), -1)
FAILING(int, execvp, (const char* a, char* const* b), (a, b), -1)
FAILING(pid_t, fork, (), (), -1)

int pthread_create(pthread_t* a, const pthread_attr_t* b, void* (*c)(void*), void* d) {
  return fails("pthread_create") ? plan.error : real(&pthread_create, "pthread_create")(a, b, c, d);
}

/// A function may not return after a real vfork, so it is a fork here.
pid_t vfork() { return fails("fork") ? -1 : real(&fork, "fork")(); }
}
