// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint backup, restore and repair: the data folder as a whole. Making and deleting backups is
// asked of the server; what reads a folder needs none.

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "client/cli/output.h"
#include "client/cli/table.h"
#include "common/data_folder.h"
#include "common/list_directory.h"
#include "common/resource_name.h"
#include "server/backup/backup_folder.h"
#include "server/backup/backup_proto.h"
#include "server/backup/restore.h"
#include "server/store/repair.h"

namespace imprint::client {
namespace {

namespace fs = std::filesystem;

const std::vector<Column> kListed = {{"NAME"},        {"MADE"}, {"VERSION"},
                                     {"EXPERIENCES"}, {"SIZE"}, {"DAMAGE", Column::kText}};

struct FolderFlags {
  std::string folder;
  std::string backup;
};

struct RestoreFlags {
  FolderFlags from;
  std::string data_dir;
};

struct RepairFlags {
  std::string data_dir;
  bool write = false;
};

// Of what was done without a server: the command line is to blame, or the disk.
int FailLocally(const absl::Status& status) {
  const bool asked_wrongly = absl::IsNotFound(status) || absl::IsFailedPrecondition(status) ||
                             absl::IsInvalidArgument(status);
  return Command::Fail(asked_wrongly ? kUsage : kFailed, status.message());
}

// 0 for the newest. For CLI11 the word was checked before.
int64_t BackupId(const std::string& word) {
  if (word.empty()) return 0;
  return ParseResourceName(kBackups, ResourceName("backups", word)).value_or(-1);
}

std::string Describe(const v1::Backup& backup) {
  return absl::StrCat(backup.name(), ": version ", backup.version(), ", ",
                      FormatCount(backup.last_sequence(), "experience"), ", ",
                      FormatBytes(backup.size_bytes()));
}

void Print(const Command& command, const std::vector<v1::Backup>& backups) {
  Rows rows;
  for (const v1::Backup& backup : backups) {
    if (command.json) Command::PrintJson(backup);
    if (!backup.damage().empty()) {
      rows.push_back({backup.name(), "", "", "", "", backup.damage()});
    } else {
      rows.push_back({backup.name(), FormatTime(backup.create_time().seconds()),
                      absl::StrCat(backup.version()), absl::StrCat(backup.last_sequence()),
                      FormatBytes(backup.size_bytes()), ""});
    }
  }
  if (!command.json) std::cout << FormatTable(kListed, rows, OutputWidth());
}

int Create(const Command& command) {
  grpc::ClientContext context;
  command.client->PrepareLong(context);
  v1::CreateBackupResponse response;
  const grpc::Status status = command.client->admin().CreateBackup(&context, {}, &response);
  if (!status.ok()) return command.Fail(status);
  if (command.json) {
    Command::PrintJson(response.backup());
  } else {
    std::cout << Describe(response.backup()) << "\n";
  }
  return kOk;
}

int List(const Command& command, const FolderFlags& flags) {
  std::vector<v1::Backup> listed;
  if (!flags.folder.empty()) {
    const auto backups = backup::ListBackups(flags.folder);
    if (!backups.ok()) return FailLocally(backups.status());
    for (auto backup = backups->rbegin(); backup != backups->rend(); ++backup) {
      listed.push_back(backup::ToProto(*backup));
    }
  } else {
    const grpc::Status status =
        ListAll<v1::ListBackupsRequest, v1::ListBackupsResponse, v1::Backup>(
            *command.client, {}, 0,
            [&command](auto& context, const auto& page, auto* response) {
              return command.client->admin().ListBackups(&context, page, response);
            },
            &v1::ListBackupsResponse::mutable_backups, listed);
    if (!status.ok()) return command.Fail(status);
  }
  Print(command, listed);
  return kOk;
}

int Delete(const Command& command, const std::string& name) {
  grpc::ClientContext context;
  command.client->PrepareLong(context);
  v1::DeleteBackupRequest request;
  request.set_name(ResourceName("backups", name));
  v1::DeleteBackupResponse response;
  const grpc::Status status = command.client->admin().DeleteBackup(&context, request, &response);
  if (!status.ok()) return command.Fail(status);
  if (command.json) {
    std::cout << "{\"deleted\":\"" << request.name() << "\"}\n";
  } else {
    std::cout << request.name() << " is deleted\n";
  }
  return kOk;
}

int Verify(const Command& command, const FolderFlags& flags) {
  const auto backups = backup::ListBackups(flags.folder);
  if (!backups.ok()) return FailLocally(backups.status());
  // The newest, whole or not: who asks wants to know.
  int64_t id = BackupId(flags.backup);
  if (id == 0 && !backups->empty()) id = backups->back().id;
  const auto backup = backup::ChooseBackup(*backups, id, flags.folder);
  if (!backup.ok()) return FailLocally(backup.status());
  const absl::Status verified = backup::VerifyBackup(flags.folder, backup->id);
  if (!verified.ok()) return FailLocally(verified);
  if (command.json) {
    Command::PrintJson(backup::ToProto(*backup));
  } else {
    std::cout << Describe(backup::ToProto(*backup)) << "; every file is whole\n";
  }
  return kOk;
}

int Restore(const Command& command, const RestoreFlags& flags) {
  const auto restored =
      backup::RestoreBackup(flags.from.folder, BackupId(flags.from.backup), flags.data_dir);
  if (!restored.ok()) return FailLocally(restored.status());
  if (command.json) {
    Command::PrintJson(backup::ToProto(*restored));
  } else {
    std::cout << Describe(backup::ToProto(*restored)) << "\nrestored into " << flags.data_dir
              << "; start the server with --data_dir=" << flags.data_dir << "\n";
  }
  return kOk;
}

void PrintReport(const RepairFlags& flags, const store::RepairReport& report) {
  for (const std::string& loss : report.losses) std::cout << loss << "\n";
  std::cout << (report.losses.empty() ? "nothing is damaged: " : "what can be read: ")
            << FormatCount(report.experiences, "experience") << " ("
            << report.lost_experiences.size() << " of them lost), "
            << FormatCount(report.targets, "target sentence") << ", "
            << FormatCount(report.probes, "probe") << ", " << FormatCount(report.jobs, "job")
            << ", " << FormatCount(report.versions, "version") << ", the current one "
            << report.current_version << "\n";
  if (report.losses.empty()) return;
  if (!flags.write) {
    std::cout << "nothing was changed. A backup loses less than this, if there is one (imprint "
                 "restore);\nwith --write a store is made of what can be read\n";
  } else {
    std::cout << "the store is made anew; the damaged one is " << report.damaged_path.string()
              << ":\nit holds what was said, what was forgotten too; delete it when all is well\n";
  }
}

// Moves the files of versions that no row names any more beside the others.
absl::Status SaveUnknownVersions(const fs::path& data_dir, const std::vector<int64_t>& known) {
  const fs::path folder = VersionsOf(data_dir);
  std::error_code error;
  if (!fs::exists(folder, error)) return absl::OkStatus();
  const auto children = ListDirectory(folder);
  if (!children.ok()) return children.status();
  for (const fs::path& child : *children) {
    const std::optional<int64_t> number = ParseVersionFolderName(child.filename().string());
    if (!number.has_value()) continue;
    if (std::find(known.begin(), known.end(), *number) != known.end()) continue;
    const fs::path saved = data_dir / "versions.damaged";
    fs::create_directories(saved, error);
    fs::rename(child, saved / child.filename(), error);
    if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("move ", child.string()));
    std::cerr << "imprint: " << child.string() << " belongs to no version any more; it is in "
              << saved.string() << " now\n";
  }
  return absl::OkStatus();
}

int Repair(const Command& command, const RepairFlags& flags) {
  const fs::path data_dir = flags.data_dir;
  const auto has_files = [&data_dir](int64_t number) {
    std::error_code error;
    return fs::exists(VersionsOf(data_dir) / VersionFolderName(number) / "manifest.json", error);
  };
  const auto report = store::RepairStore(
      {.path = data_dir / kStoreFolder, .write = flags.write, .has_files = has_files});
  if (!report.ok()) return FailLocally(report.status());
  if (!report->damaged_path.empty()) {
    // The next server would take them for what a crash left.
    const absl::Status saved = SaveUnknownVersions(data_dir, report->known_versions);
    if (!saved.ok()) return FailLocally(saved);
  }
  if (command.json) {
    const nlohmann::ordered_json json = {{"losses", report->losses},
                                         {"experiences", report->experiences},
                                         {"lost_experiences", report->lost_experiences},
                                         {"targets", report->targets},
                                         {"probes", report->probes},
                                         {"jobs", report->jobs},
                                         {"versions", report->versions},
                                         {"current_version", report->current_version},
                                         {"owner_unknown", report->owner_unknown},
                                         {"written", !report->damaged_path.empty()},
                                         {"damaged_store", report->damaged_path.string()}};
    std::cout << json.dump() << "\n";
  } else {
    PrintReport(flags, *report);
  }
  return report->losses.empty() || flags.write ? kOk : kFailed;
}

// A word that names a backup: "7" or "backups/7".
CLI::Validator IsBackup() {
  return CLI::Validator(
      [](std::string& word) -> std::string {
        return ParseResourceName(kBackups, ResourceName("backups", word)).ok()
                   ? ""
                   : absl::StrCat("\"", word, "\" is no backup such as 7 or backups/7");
      },
      "");
}

CLI::Option* AddFolder(CLI::App* verb, std::string& folder) {
  return verb->add_option("--backups", folder, "the folder of the server's --backup.dir")
      ->type_name("DIR");
}

}  // namespace

void AddBackup(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("backup", "copies of all that a server keeps");
  verb->require_subcommand(1);

  CLI::App* create = verb->add_subcommand(
      "create", "make one while the server goes on; it was started with --backup.dir");
  create->callback([&command] { command.run = [&command] { return Create(command); }; });

  auto listed = std::make_shared<FolderFlags>();
  CLI::App* list = verb->add_subcommand("list", "list them, newest first");
  AddFolder(list, listed->folder)->description("read this folder; no server is asked");
  list->callback(
      [&command, listed] { command.run = [&command, listed] { return List(command, *listed); }; });

  auto deleted = std::make_shared<std::string>();
  CLI::App* remove = verb->add_subcommand("delete", "delete one");
  remove->add_option("backup", *deleted, "its name")
      ->type_name("NAME")
      ->required()
      ->check(IsBackup());
  remove->callback([&command, deleted] {
    command.run = [&command, deleted] { return Delete(command, *deleted); };
  });

  auto verified = std::make_shared<FolderFlags>();
  CLI::App* verify =
      verb->add_subcommand("verify", "read all of one, and compare it; no server is asked");
  AddFolder(verify, verified->folder)->required();
  verify->add_option("backup", verified->backup, "its name; the newest without")
      ->type_name("NAME")
      ->check(IsBackup());
  verify->callback([&command, verified] {
    command.run = [&command, verified] { return Verify(command, *verified); };
  });
}

void AddRestore(CLI::App& app, Command& command) {
  auto flags = std::make_shared<RestoreFlags>();
  CLI::App* verb = app.add_subcommand("restore", "make a data folder of a backup; asks no server");
  AddFolder(verb, flags->from.folder)->required();
  verb->add_option("--data_dir", flags->data_dir, "the folder, new or empty, for a server to start")
      ->type_name("DIR")
      ->required();
  verb->add_option("backup", flags->from.backup, "its name; the newest whole one without")
      ->type_name("NAME")
      ->check(IsBackup());
  verb->callback(
      [&command, flags] { command.run = [&command, flags] { return Restore(command, *flags); }; });
}

void AddRepair(CLI::App& app, Command& command) {
  auto flags = std::make_shared<RepairFlags>();
  CLI::App* verb = app.add_subcommand(
      "repair", "look what of a damaged store can be read; asks no server, which must be stopped");
  verb->add_option("--data_dir", flags->data_dir, "the server's --data_dir")
      ->type_name("DIR")
      ->required();
  verb->add_flag("--write", flags->write,
                 "make a store of what can be read; the damaged one stays beside it");
  verb->callback(
      [&command, flags] { command.run = [&command, flags] { return Repair(command, *flags); }; });
}

}  // namespace imprint::client
