#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pindrill::test {

/// How a command ended and what it wrote.
struct Finished {
  int exit_code = -1;  ///< -1 when a signal ended it
  std::string output;
  std::string errors;
};

Finished run(const std::vector<std::string>& command, std::string_view input = {});

/// The openssl command: an implementation of ours cannot vouch for itself.
Finished openssl(std::vector<std::string> arguments, std::string_view input = {});

/// What openssl prints; a failure of it fails the test.
std::string openssl_text(std::vector<std::string> arguments, std::string_view input = {});

/// A directory of this test alone, removed at its end.
class Directory {
 public:
  Directory();
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  /// Writes a file and returns its path.
  std::string write(const std::string& name, std::string_view content) const;
  std::string read(const std::string& name) const;
  std::string path(const std::string& name) const { return root_ / name; }

 private:
  std::filesystem::path root_;
};

}  // namespace pindrill::test
