// An output that appears when it is complete.
#pragma once
#include <filesystem>
#include <fstream>

namespace golong {

// Writes PATH.part<process id> and renames it with commit(); without commit() the destructor removes it. What is no
// regular file (a device, a pipe, a link) is written as it goes.
class OutputFile {
 public:
  explicit OutputFile(std::filesystem::path path);  // Error where the file cannot be made
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  std::ostream& stream() { return out_; }
  void commit();  // Error where not everything could be written

 private:
  std::filesystem::path path_, written_;  // the same where it is written as it goes
  std::ofstream out_;
};

}  // namespace golong
