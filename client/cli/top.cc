// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint top: the server, live.

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/calls.h"
#include "client/cli/command.h"
#include "client/cli/output.h"
#include "client/cli/top_screen.h"

namespace imprint::client {
namespace {

constexpr int kListed = 12;
// Between the two looks of one that is printed.
constexpr absl::Duration kRateTime = absl::Seconds(1);

struct TopFlags {
  double every_seconds = 1;
  bool once = false;
};

volatile std::sig_atomic_t ended = 0;

// A terminal without echo and line ends, on a screen of its own; as it was at the end.
class RawTerminal {
 public:
  RawTerminal() {
    tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    struct sigaction action = {};
    action.sa_handler = [](int) { ended = 1; };
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
    std::cout << "\033[?1049h\033[?25l" << std::flush;
  }
  ~RawTerminal() {
    std::cout << "\033[?25h\033[?1049l" << std::flush;
    tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios before_ = {};
};

grpc::Status Look(const Command& command, TopView& view) {
  TopView look;
  look.server = command.options.server;
  std::vector<v1::Job> jobs;
  grpc::Status status = GetStatus(command, look.status);
  if (status.ok()) status = ListJobs(command, kListed, jobs);
  if (status.ok()) status = ListVersions(command, kListed, look.versions);
  if (!status.ok()) return status;
  for (v1::Job& job : jobs) {
    if (job.name() == look.status.running_job()) {
      look.running = std::move(job);
    } else {
      look.jobs.push_back(std::move(job));
    }
  }
  look.time = absl::Now();
  view = std::move(look);
  return status;
}

void PrintLook(const TopView& view, const TopHistory& history) {
  nlohmann::ordered_json document;
  document["status"] = ToJson(view.status);
  if (history.OutputRate().has_value()) {
    document["output_tokens_per_second"] = *history.OutputRate();
    document["prompt_tokens_per_second"] = *history.PromptRate();
  }
  if (!view.running.name().empty()) document["running"] = ToJson(view.running);
  document["jobs"] = nlohmann::ordered_json::array();
  for (const v1::Job& job : view.jobs) document["jobs"].push_back(ToJson(job));
  document["versions"] = nlohmann::ordered_json::array();
  for (const v1::Version& version : view.versions) document["versions"].push_back(ToJson(version));
  std::cout << document.dump() << "\n";
}

// Waits for a key, up to `seconds`; whether it asks to end.
bool AskedToEnd(double seconds) {
  pollfd input = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  const int ready = poll(&input, 1, static_cast<int>(seconds * 1000));
  char key = 0;
  if (ready > 0 && (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q')) return true;
  return ended != 0;
}

// As https://no-color.org asks.
bool WantsColours() {
  const char* refused = std::getenv("NO_COLOR");
  return OutputWidth() > 0 && (refused == nullptr || *refused == '\0');
}

size_t ScreenHeight() {
  constexpr size_t kUsual = 24;
  winsize size = {};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : kUsual;
}

int Run(const Command& command, const TopFlags& flags) {
  TopView view;
  TopHistory history;
  if (const grpc::Status status = Look(command, view); !status.ok()) return command.Fail(status);
  history.Observe(view);
  const bool once = flags.once || OutputWidth() == 0 || isatty(STDIN_FILENO) == 0;
  if (command.json || once) {
    // Rates are the difference of two looks.
    absl::SleepFor(std::min(kRateTime, absl::Seconds(flags.every_seconds)));
    if (const grpc::Status status = Look(command, view); !status.ok()) return command.Fail(status);
    history.Observe(view);
  }
  if (command.json) {
    PrintLook(view, history);
    return kOk;
  }
  if (once) {
    constexpr size_t kPipeWidth = 160, kPipeHeight = 60;
    const size_t width = OutputWidth();
    std::cout << DrawTop(view, history, width == 0 ? kPipeWidth : width, kPipeHeight,
                         WantsColours());
    return kOk;
  }
  const RawTerminal terminal;
  do {
    const std::string screen =
        DrawTop(view, history, OutputWidth(), ScreenHeight() - 1, WantsColours());
    std::cout << "\033[H\033[J" << screen << "q quits" << std::flush;
    const grpc::Status status = Look(command, view);
    view.error = status.ok() ? "" : DescribeError(status, command.options.server);
    if (status.ok()) history.Observe(view);
  } while (!AskedToEnd(flags.every_seconds));
  return kOk;
}

}  // namespace

void AddTop(CLI::App& app, Command& command) {
  auto flags = std::make_shared<TopFlags>();
  CLI::App* verb = app.add_subcommand("top", "the server, live: queue, job, versions; q ends it");
  verb->add_option("--every", flags->every_seconds, "seconds from one look to the next")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  verb->add_flag("--once", flags->once, "one screen, as text, after a second; so it is in a pipe");
  verb->callback(
      [&command, flags] { command.run = [&command, flags] { return Run(command, *flags); }; });
}

}  // namespace imprint::client
