// Runs one attempt of a client and reports how it and all its descendants ended.
//
//   pindrill-shepherd REPORT_FD DEADLINE_MS INPUT_FD -- COMMAND [ARGUMENT ...]
//
// INPUT_FD becomes COMMAND's standard input; -1: /dev/null. Lines on REPORT_FD (-1: none): "exit N" or "signal N" for
// COMMAND, "cannot-run ERRNO" when it could not be started, "ending NS" when the deadline came and the ending of what
// was left began (CLOCK_MONOTONIC), "done" when no descendant is alive. A subreaper: a child that detached itself is
// still found. When the parent dies, or closes its end of our standard input's pipe, everything is ended at once.

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

void report(int fd, const std::string& line) {
  if (fd < 0) return;
  const std::string text = line + "\n";
  if (write(fd, text.data(), text.size()) < 0) std::perror("pindrill-shepherd: report");
}

/// Parent of every process, read from /proc: the kernel keeps no list of descendants.
std::map<pid_t, pid_t> parents() {
  std::map<pid_t, pid_t> found;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return found;
  while (const dirent* entry = readdir(proc)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid <= 0) continue;
    std::FILE* stat = std::fopen(("/proc/" + std::to_string(pid) + "/stat").c_str(), "re");
    if (stat == nullptr) continue;
    char text[512];
    const std::size_t size = std::fread(text, 1, sizeof text - 1, stat);
    std::fclose(stat);
    text[size] = '\0';
    const char* after_name = std::strrchr(text, ')');
    int parent = 0;
    if (after_name != nullptr && std::sscanf(after_name + 1, " %*c %d", &parent) == 1) found[pid] = parent;
  }
  closedir(proc);
  return found;
}

void kill_descendants() {
  const auto parent_of = parents();
  std::set<pid_t> ours{getpid()};
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& [pid, parent] : parent_of) {
      if (ours.count(parent) != 0 && ours.insert(pid).second) grew = true;
    }
  }
  ours.erase(getpid());
  for (const pid_t pid : ours) kill(pid, SIGKILL);
}

pid_t start(char** command, int input, int& failure) {
  int tell[2];
  if (pipe2(tell, O_CLOEXEC) != 0) {
    failure = errno;
    return -1;
  }
  const pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    std::signal(SIGPIPE, SIG_DFL);
    if (input < 0) input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (input >= 0) dup2(input, STDIN_FILENO);
    execvp(command[0], command);
    const int error = errno;
    if (write(tell[1], &error, sizeof error) < 0) _exit(126);
    _exit(127);
  }
  close(tell[1]);
  failure = child < 0 ? errno : 0;
  if (child > 0 && read(tell[0], &failure, sizeof failure) != sizeof failure) failure = 0;
  close(tell[0]);
  return child;
}

/// Reaps what has ended; true while a descendant is alive.
bool reap(pid_t client, int fd) {
  while (true) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid == 0) return true;
    if (pid < 0) return errno == EINTR;
    if (pid != client) continue;
    report(fd, WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                   : "exit " + std::to_string(WEXITSTATUS(status)));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6 || std::strcmp(argv[4], "--") != 0) {
    std::fputs("usage: pindrill-shepherd REPORT_FD DEADLINE_MS INPUT_FD -- COMMAND [ARGUMENT ...]\n", stderr);
    return 2;
  }
  const int fd = std::atoi(argv[1]);
  const auto deadline = Clock::now() + std::chrono::milliseconds(std::atoll(argv[2]));
  const int input = std::atoi(argv[3]);
  for (const int own : {fd, input}) {
    if (own >= 0) fcntl(own, F_SETFD, FD_CLOEXEC);
  }
  std::signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t handled;
  sigemptyset(&handled);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&handled, number);
  sigprocmask(SIG_BLOCK, &handled, nullptr);
  const int signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
  const int owner = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);

  int failure = 0;
  const pid_t client = start(argv + 5, input, failure);
  if (failure != 0) {
    waitpid(client, nullptr, 0);
    report(fd, "cannot-run " + std::to_string(failure));
    report(fd, "done");
    return 0;
  }

  // Whoever reads the client's output sees when the client closes it: nobody else may hold it open.
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) dup2(nowhere, STDOUT_FILENO);

  bool ending = false;
  while (reap(client, fd)) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd events[] = {{signals, POLLIN, 0}, {owner, POLLIN, 0}};
    // While ending, look again soon: a descendant may fork between the look and the kill.
    poll(events, 2, ending ? 5 : static_cast<int>(left < 0 ? 0 : left + 1));
    signalfd_siginfo info;
    bool told = (events[1].revents & (POLLHUP | POLLERR)) != 0;
    while (read(signals, &info, sizeof info) == sizeof info) told = told || info.ssi_signo != SIGCHLD;
    if (!ending && (told || Clock::now() >= deadline)) {
      ending = true;
      const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch());
      report(fd, "ending " + std::to_string(now.count()));
    }
    if (ending) kill_descendants();
  }
  report(fd, "done");
  return 0;
}
