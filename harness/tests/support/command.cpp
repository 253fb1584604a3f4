#include "support/command.h"

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace pindrill::test {
namespace {

/// A file without a name: unlike a pipe it cannot fill up while nobody reads.
class Scratch {
 public:
  explicit Scratch(std::string_view content = {}) : fd_(memfd_create("pindrill-test", MFD_CLOEXEC)) {
    if (fd_ < 0 || write(fd_, content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
        lseek(fd_, 0, SEEK_SET) != 0) {
      throw std::runtime_error("no scratch file");
    }
  }
  ~Scratch() { close(fd_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  int fd() const { return fd_; }

  std::string content() const {
    std::string text(static_cast<std::size_t>(lseek(fd_, 0, SEEK_END)), '\0');
    const auto size = pread(fd_, text.data(), text.size(), 0);
    text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return text;
  }

 private:
  int fd_;
};

}  // namespace

Finished run(const std::vector<std::string>& command, std::string_view input) {
  const Scratch in(input);
  const Scratch out;
  const Scratch err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.fd(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.fd(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.fd(), STDERR_FILENO);
  std::vector<char*> arguments;
  for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot run " + command.at(0));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out.content(), err.content()};
}

Finished openssl(std::vector<std::string> arguments, std::string_view input) {
  arguments.insert(arguments.begin(), "openssl");
  return run(arguments, input);
}

std::string openssl_text(std::vector<std::string> arguments, std::string_view input) {
  const auto finished = openssl(std::move(arguments), input);
  EXPECT_EQ(finished.exit_code, 0) << finished.errors;
  return finished.output;
}

Directory::Directory() {
  auto name = (std::filesystem::temp_directory_path() / "pindrill-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
  root_ = name;
}

Directory::~Directory() {
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

std::string Directory::write(const std::string& name, std::string_view content) const {
  std::ofstream(root_ / name, std::ios::binary) << content;
  return path(name);
}

std::string Directory::read(const std::string& name) const {
  std::ifstream file(root_ / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace pindrill::test
