// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/auth/file_watch.h"

#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/status_macros.h"
#include "spdlog/spdlog.h"

namespace imprint::auth {
namespace {

constexpr absl::Duration kLookEvery = absl::Seconds(1);

// In place of the look of files that could not be read.
constexpr char kUnread[] = "unread";

// Another one where a file, or who may read it, is another.
std::string LookOf(const std::vector<std::filesystem::path>& files) {
  std::string look;
  for (const std::filesystem::path& file : files) {
    struct stat info;
    if (::stat(file.c_str(), &info) != 0) {
      absl::StrAppend(&look, "missing ");
      continue;
    }
    absl::StrAppend(&look, info.st_dev, ".", info.st_ino, ".", info.st_size, ".");
    absl::StrAppend(&look, info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec, ".");
    absl::StrAppend(&look, info.st_ctim.tv_sec, ".", info.st_ctim.tv_nsec, " ");
  }
  return look;
}

}  // namespace

FileWatch::FileWatch(Options options, Load load)
    : options_(std::move(options)), load_(std::move(load)) {}

absl::StatusOr<std::unique_ptr<FileWatch>> FileWatch::Start(Options options, Load load) {
  std::unique_ptr<FileWatch> watch(new FileWatch(std::move(options), std::move(load)));
  IMPRINT_RETURN_IF_ERROR(watch->Refresh());
  watch->watcher_ = std::thread([started = watch.get()] { started->Watch(); });
  return watch;
}

FileWatch::~FileWatch() {
  stop_.Notify();
  if (watcher_.joinable()) watcher_.join();
}

absl::Status FileWatch::Refresh() {
  absl::MutexLock lock(&mutex_);
  std::string look = LookOf(options_.files);
  if (look == seen_) return absl::OkStatus();
  const bool first = seen_.empty();
  absl::Status loaded = load_();
  // Looked at before they were read: one that changed in between is read again. Ones that could
  // not be read are as well, though they look the same: the cause (too many open files, a disk)
  // may pass.
  seen_ = loaded.ok() || absl::IsInvalidArgument(loaded) ? std::move(look) : kUnread;
  std::string message(loaded.message());
  if (!loaded.ok() && !first && message != logged_) {
    spdlog::error("{}: {}; {}", options_.name, message, options_.meanwhile);
  }
  logged_ = std::move(message);
  // Last, so that who sees it finds the cause in the log.
  if (options_.bad != nullptr) options_.bad->Set(loaded.ok() ? 0 : 1);
  return loaded;
}

void FileWatch::Watch() {
  // What is wrong, Refresh says to the log.
  while (!stop_.WaitForNotificationWithTimeout(kLookEvery)) Refresh().IgnoreError();
}

}  // namespace imprint::auth
