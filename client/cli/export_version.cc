// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint export: a version as files that other programs load.

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/calls.h"
#include "client/cli/command.h"
#include "client/cli/output.h"
#include "common/resource_name.h"
#include "common/status_macros.h"

namespace imprint::client {
namespace {

namespace fs = std::filesystem;

// Set by a signal: what is half is taken away again.
volatile std::sig_atomic_t ended = 0;

void EndOnSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { ended = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // a second one ends at once
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
}

struct ExportFlags {
  std::string version;
  std::string folder;
  bool peft = false;
};

// Writes pieces of files into a folder.
class FolderWriter {
 public:
  explicit FolderWriter(fs::path folder) : folder_(std::move(folder)) {}

  // INVALID_ARGUMENT: the name is not one of a file in the folder; INTERNAL: the disk.
  absl::Status Write(const v1::ExportVersionResponse& piece) {
    if (piece.file() != name_) {
      IMPRINT_RETURN_IF_ERROR(Close());
      // The server is asked for files of this folder and no other.
      if (piece.file().empty() || piece.file().front() == '.' ||
          piece.file().find_first_of("/\\") != std::string::npos) {
        return absl::InvalidArgumentError(
            absl::StrCat("the server names a file \"", piece.file(), "\""));
      }
      name_ = piece.file();
      file_.open(folder_ / name_, std::ios::binary | std::ios::trunc);
    }
    file_.write(piece.data().data(), static_cast<std::streamsize>(piece.data().size()));
    bytes_ += static_cast<int64_t>(piece.data().size());
    return file_ ? absl::OkStatus() : DiskError();
  }
  absl::Status Close() {
    if (name_.empty()) return absl::OkStatus();
    file_.close();
    if (!file_) return DiskError();
    name_.clear();
    return absl::OkStatus();
  }
  int64_t bytes() const { return bytes_; }

 private:
  absl::Status DiskError() const {
    return absl::InternalError(
        absl::StrCat("cannot write ", (folder_ / name_).string(), ": ", std::strerror(errno)));
  }

  const fs::path folder_;
  std::string name_;
  std::ofstream file_;
  int64_t bytes_ = 0;
};

v1::ExportVersionRequest MakeRequest(const ExportFlags& flags) {
  v1::ExportVersionRequest request;
  request.set_name(VersionName(flags.version));
  request.set_format(flags.peft ? v1::EXPORT_FORMAT_PEFT : v1::EXPORT_FORMAT_HUGGING_FACE);
  return request;
}

// Fills `unfinished`; what is wrong is said, and its exit code given.
int Receive(const Command& command, const v1::ExportVersionRequest& request,
            const fs::path& unfinished, int64_t* bytes) {
  grpc::ClientContext context;
  command.client->PrepareLong(context);
  const auto reader = command.client->admin().ExportVersion(&context, request);
  FolderWriter writer(unfinished);
  v1::ExportVersionResponse piece;
  absl::Status written;
  while (written.ok() && ended == 0 && reader->Read(&piece)) written = writer.Write(piece);
  if (written.ok()) written = writer.Close();
  if (ended != 0) written = absl::CancelledError("interrupted; nothing is left of it");
  if (!written.ok()) {
    context.TryCancel();
    reader->Finish();
    return Command::Fail(kUsage, written.message());
  }
  *bytes = writer.bytes();
  const grpc::Status status = reader->Finish();
  return status.ok() ? kOk : command.Fail(status);
}

int Run(const Command& command, ExportFlags flags) {
  if (flags.version == "latest") {
    v1::GetStatusResponse server;
    const grpc::Status status = GetStatus(command, server);
    if (!status.ok()) return command.Fail(status);
    flags.version = absl::StrCat(server.version());
  }
  fs::path folder = fs::path(flags.folder).lexically_normal();
  if (folder.filename().empty()) folder = folder.parent_path();  // it ended in a slash
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    return Command::Fail(kUsage, absl::StrCat(folder.string(), " is there already, and not empty"));
  }
  // Whole or not at all; beside it, under a name that nobody has. Weights tell what was told: the
  // folder is for its owner alone.
  std::string unfinished = absl::StrCat(folder.string(), ".part-XXXXXX");
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), error);
  EndOnSignals();
  if (::mkdtemp(unfinished.data()) == nullptr) {
    return Command::Fail(kUsage,
                         absl::StrCat("cannot make ", unfinished, ": ", std::strerror(errno)));
  }
  int64_t bytes = 0;
  const v1::ExportVersionRequest request = MakeRequest(flags);
  const int code = Receive(command, request, unfinished, &bytes);
  if (code == kOk) fs::rename(unfinished, folder, error);
  if (code != kOk || error) {
    const std::string reason = error.message();
    std::error_code ignored;
    fs::remove_all(unfinished, ignored);
    if (code != kOk) return code;
    return Command::Fail(kUsage, absl::StrCat("cannot write ", folder.string(), ": ", reason));
  }
  if (command.json) {
    nlohmann::ordered_json line;
    line["folder"] = folder.string();
    const auto number = ParseResourceName(kVersions, request.name());
    if (number.ok()) line["version"] = *number;
    line["bytes"] = bytes;
    std::cout << line.dump() << "\n";
  } else {
    std::cout << folder.string() << ", " << FormatBytes(bytes) << "\n";
  }
  return kOk;
}

}  // namespace

void AddExportVersion(CLI::App& app, Command& command) {
  auto flags = std::make_shared<ExportFlags>();
  CLI::App* verb =
      app.add_subcommand("export", "a version as a Hugging Face folder or PEFT adapter");
  verb->add_option("version", flags->version, "latest, base or a number")
      ->type_name("")
      ->required();
  verb->add_option("folder", flags->folder, "where to; not there yet, or empty")
      ->type_name("")
      ->required();
  verb->add_flag("--peft", flags->peft, "only what was learned, as an adapter over the base model");
  verb->callback(
      [&command, flags] { command.run = [&command, flags] { return Run(command, *flags); }; });
}

}  // namespace imprint::client
