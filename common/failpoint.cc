// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/failpoint.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/status_macros.h"
#include "common/string_view.h"

namespace imprint::failpoint {
namespace {

constexpr char kVariable[] = "IMPRINT_FAILPOINTS";
constexpr int kBadSettings = 2;  // exit code

enum class Action { kCrash, kError, kDelay };

struct Setting {
  Action action;
  absl::StatusCode code = absl::StatusCode::kUnavailable;
  absl::Duration delay = absl::ZeroDuration();
  // The only time that counts, from 1; 0: each time.
  int64_t at = 0;
};

using Settings = std::array<std::optional<Setting>, std::size(kPoints)>;

struct State {
  absl::Mutex mutex;
  Settings settings ABSL_GUARDED_BY(mutex);
  std::array<int64_t, std::size(kPoints)> reached ABSL_GUARDED_BY(mutex) = {};
  // False: no point need take the mutex.
  std::atomic<bool> armed = false;
};

// Never destroyed: threads may reach a point while the program ends.
State& GetState() {
  static State* const state = new State;
  return *state;
}

std::optional<size_t> Find(absl::string_view name) {
  for (size_t i = 0; i < std::size(kPoints); ++i) {
    if (kPoints[i].name == ToStd(name)) return i;
  }
  return std::nullopt;
}

std::optional<absl::StatusCode> ParseCode(absl::string_view name) {
  for (int code = 1; code <= static_cast<int>(absl::StatusCode::kUnauthenticated); ++code) {
    const auto parsed = static_cast<absl::StatusCode>(code);
    if (absl::StatusCodeToString(parsed) == std::string(name)) return parsed;
  }
  return std::nullopt;
}

// `crash`, `error`, `error:CODE` or `delay:MILLISECONDS`, and perhaps `@TIME`.
absl::StatusOr<Setting> ParseSetting(absl::string_view text) {
  const auto unreadable = [text] {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" is not crash, error, error:CODE or delay:MILLISECONDS, with @TIME"));
  };
  Setting setting = {};
  const std::pair<absl::string_view, absl::string_view> at =
      absl::StrSplit(text, absl::MaxSplits('@', 1));
  if (at.first.size() != text.size() &&
      (!absl::SimpleAtoi(at.second, &setting.at) || setting.at < 1)) {
    return unreadable();
  }
  const std::pair<absl::string_view, absl::string_view> action =
      absl::StrSplit(at.first, absl::MaxSplits(':', 1));
  const absl::string_view argument = action.second;
  if (action.first == "crash" && argument.empty()) {
    setting.action = Action::kCrash;
  } else if (action.first == "error") {
    setting.action = Action::kError;
    if (argument.empty()) return setting;
    const std::optional<absl::StatusCode> code = ParseCode(argument);
    if (!code.has_value()) return unreadable();
    setting.code = *code;
  } else if (action.first == "delay") {
    int milliseconds = 0;
    if (!absl::SimpleAtoi(argument, &milliseconds) || milliseconds < 0) return unreadable();
    setting.action = Action::kDelay;
    setting.delay = absl::Milliseconds(milliseconds);
  } else {
    return unreadable();
  }
  return setting;
}

absl::StatusOr<Settings> Parse(absl::string_view text) {
  Settings settings;
  for (const absl::string_view part : absl::StrSplit(text, ';', absl::SkipWhitespace())) {
    const std::pair<absl::string_view, absl::string_view> sides =
        absl::StrSplit(absl::StripAsciiWhitespace(part), absl::MaxSplits('=', 1));
    const std::optional<size_t> point = Find(sides.first);
    if (!point.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat("there is no point \"", sides.first, "\""));
    }
    IMPRINT_ASSIGN_OR_RETURN(const Setting setting, ParseSetting(sides.second));
    if (setting.action == Action::kError && kPoints[*point].kind != Kind::kCanFail) {
      return absl::InvalidArgumentError(absl::StrCat("no error can be returned at ", sides.first));
    }
    settings[*point] = setting;
  }
  return settings;
}

// As kill -9 from outside: no handler, no flush, no destructor.
[[noreturn]] void Crash(absl::string_view name) {
  const std::string message = absl::StrCat("failpoint ", name, ": crash\n");
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, message.data(), message.size());
  kill(getpid(), SIGKILL);
  _exit(128 + SIGKILL);
}

// Before main: a point that is misspelt must not look like one that is never reached.
void ArmFromEnvironment() {
  const char* const text = std::getenv(kVariable);
  if (text == nullptr) return;
  if (std::string_view(text) == "list") {
    std::fputs(List().c_str(), stdout);
    std::exit(0);
  }
  const absl::Status armed = Arm(text);
  if (armed.ok()) return;
  std::fprintf(stderr, "%s: %s\n", kVariable, std::string(armed.message()).c_str());
  std::exit(kBadSettings);
}

[[maybe_unused]] const bool is_environment_read = (ArmFromEnvironment(), true);

}  // namespace

absl::Status Arm(std::string_view settings) {
  IMPRINT_ASSIGN_OR_RETURN(const Settings parsed, Parse(ToAbsl(settings)));
  State& state = GetState();
  absl::MutexLock lock(&state.mutex);
  state.settings = parsed;
  state.reached = {};
  state.armed = std::any_of(parsed.begin(), parsed.end(),
                            [](const auto& setting) { return setting.has_value(); });
  return absl::OkStatus();
}

std::string List() {
  std::string list;
  for (const Point& point : kPoints) {
    absl::StrAppendFormat(&list, "%-24s %-18s %s\n", ToAbsl(point.name),
                          point.kind == Kind::kCanFail ? "crash,delay,error" : "crash,delay",
                          ToAbsl(point.place));
  }
  return list;
}

absl::Status Reach(size_t point) {
  State& state = GetState();
  if (!state.armed.load(std::memory_order_relaxed)) return absl::OkStatus();
  Setting setting;
  {
    absl::MutexLock lock(&state.mutex);
    if (!state.settings[point].has_value()) return absl::OkStatus();
    setting = *state.settings[point];
    const int64_t time = ++state.reached[point];
    if (setting.at != 0 && setting.at != time) return absl::OkStatus();
  }
  const absl::string_view name = ToAbsl(kPoints[point].name);
  switch (setting.action) {
    case Action::kCrash:
      Crash(name);
    case Action::kError:
      return absl::Status(setting.code, absl::StrCat("failpoint ", name));
    case Action::kDelay:
      absl::SleepFor(setting.delay);
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace imprint::failpoint
