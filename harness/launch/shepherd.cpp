// Runs one attempt of a client and reports how it and all its descendants ended.
//
//   pindrill-shepherd REPORT_FD DEADLINE_MS INPUT_FD -- COMMAND [ARGUMENT ...]
//
// INPUT_FD becomes COMMAND's standard input; -1: /dev/null. Lines on REPORT_FD (-1: none): "exit N" or "signal N" for
// COMMAND, "cannot-run ERRNO" when it could not be started, "ending NS" when the deadline came and the ending of what
// was left began (CLOCK_MONOTONIC), "done" when no descendant is alive. A subreaper: a child that detached itself is
// still found. When the parent dies, or closes its end of our standard input's pipe, everything is ended at once.
//
// Two processes: COMMAND's parent is known to COMMAND, which may kill or stop it. The guard above it has the same
// deadline and a little more; then, or when the shepherd has died, it says "lost" and ends everything itself. When the
// guard dies, the shepherd ends everything. Who ends both is left to whoever started us.

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
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

constexpr auto kGrace = std::chrono::seconds(1);  ///< a guard waits so much longer than its shepherd
constexpr auto kBetweenLooks = std::chrono::milliseconds(5);
constexpr auto kLongestPoll = std::chrono::milliseconds(std::chrono::hours(1));

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

/// What both processes watch.
struct Watch {
  int report;
  int signals;
  int owner;
  Clock::time_point deadline;
};

void report_ending(int fd) {
  const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch());
  report(fd, "ending " + std::to_string(now.count()));
}

/// Until something happened, or the time came. True when everything is to be ended: we were told so, or it is time.
bool wait_for_news(const Watch& watch, Clock::time_point until, bool heed_owner) {
  using std::chrono::milliseconds;
  const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now());
  pollfd events[] = {{watch.signals, POLLIN, 0}, {heed_owner ? watch.owner : -1, POLLIN, 0}};
  poll(events, 2, static_cast<int>(std::clamp(left + milliseconds(1), milliseconds(0), kLongestPoll).count()));
  bool told = (events[1].revents & (POLLHUP | POLLERR)) != 0;
  signalfd_siginfo info;
  while (read(watch.signals, &info, sizeof info) == sizeof info) told = told || info.ssi_signo != SIGCHLD;
  return told || Clock::now() >= until;
}

/// Whoever reads the client's output sees when the client closes it: nobody else may hold it open.
void let_go_of_output() {
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) dup2(nowhere, STDOUT_FILENO);
}

int shepherd(const Watch& watch, pid_t guard, char** command, int input) {
  int failure = 0;
  const pid_t client = start(command, input, failure);
  if (failure != 0) {
    waitpid(client, nullptr, 0);
    report(watch.report, "cannot-run " + std::to_string(failure));
    report(watch.report, "done");
    return 0;
  }
  let_go_of_output();
  bool ending = false;
  while (reap(client, watch.report)) {
    // While ending, look again soon: a descendant may fork between the look and the kill.
    const auto until = ending ? Clock::now() + kBetweenLooks : watch.deadline;
    if (wait_for_news(watch, until, !ending) && !ending) {
      ending = true;
      if (getppid() != guard) report(watch.report, "lost");
      report_ending(watch.report);
    }
    if (ending) kill_descendants();
  }
  report(watch.report, "done");
  return 0;
}

/// Ends everything below it, the shepherd with it, until nothing is left.
int end_all(const Watch& watch) {
  report(watch.report, "lost");
  report_ending(watch.report);
  while (reap(-1, -1)) {
    kill_descendants();
    wait_for_news(watch, Clock::now() + kBetweenLooks, false);
  }
  report(watch.report, "done");
  return 0;
}

int guard(const Watch& watch, pid_t shepherd) {
  auto until = watch.deadline + kGrace;
  bool told = false;
  while (true) {
    const bool news = wait_for_news(watch, until, !told);
    if (news && Clock::now() >= until) return end_all(watch);
    if (news) {
      told = true;
      kill(shepherd, SIGTERM);
      until = Clock::now() + kGrace;
    }
    int status = 0;
    while (true) {
      const pid_t pid = waitpid(-1, &status, WNOHANG);
      if (pid <= 0) break;
      if (pid != shepherd) continue;
      if (WIFEXITED(status)) return WEXITSTATUS(status);
      return end_all(watch);
    }
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
  const int owner = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  const auto watch = [&] { return Watch{fd, signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK), owner, deadline}; };

  const pid_t guarding = getpid();
  const pid_t child = fork();
  if (child < 0) {
    report(fd, "cannot-run " + std::to_string(errno));
    report(fd, "done");
    return 0;
  }
  if (child == 0) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);  // not inherited (prctl(2))
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != guarding) return 1;
    return shepherd(watch(), guarding, argv + 5, input);
  }
  if (input >= 0) close(input);
  let_go_of_output();
  return guard(watch(), child);
}
