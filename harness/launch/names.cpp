// Runs a command where the names under test resolve, without editing the machine.
//
//   pindrill-names HOSTS_FILE -- COMMAND [ARGUMENT ...]
//
// A mount namespace of our own (root), or a user and mount namespace that keeps the user id, in which HOSTS_FILE
// stands over /etc/hosts. Exits with 125 and a message when neither is allowed; COMMAND has not run then.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

constexpr int kNotAllowed = 125;

bool write_file(const char* path, const std::string& text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool whole = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return whole;
}

bool enter_user_namespace() {
  const auto user = std::to_string(getuid());
  const auto group = std::to_string(getgid());
  // The group map may only be written once setgroups is given up (user_namespaces(7)).
  return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_file("/proc/self/setgroups", "deny") &&
         write_file("/proc/self/uid_map", user + " " + user + " 1") &&
         write_file("/proc/self/gid_map", group + " " + group + " 1");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || std::strcmp(argv[2], "--") != 0) {
    std::fputs("usage: pindrill-names HOSTS_FILE -- COMMAND [ARGUMENT ...]\n", stderr);
    return 2;
  }
  const bool entered = unshare(CLONE_NEWNS) == 0 || enter_user_namespace();
  if (!entered || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount(argv[1], "/etc/hosts", nullptr, MS_BIND, nullptr) != 0) {
    std::fprintf(stderr, "pindrill-names: no private hosts file here: %s\n", std::strerror(errno));
    return kNotAllowed;
  }
  execvp(argv[3], argv + 3);
  std::fprintf(stderr, "pindrill-names: cannot run %s: %s\n", argv[3], std::strerror(errno));
  return 127;
}
