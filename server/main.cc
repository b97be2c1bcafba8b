// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/app.h"
#include "server/logging.h"
#include "server/options.h"
#include "server/process.h"
#include "server/service_manager.h"
#include "spdlog/spdlog.h"

namespace {

// A service manager that cannot be told ends what it waits for; the log says why.
void Tell(std::string_view state) {
  const absl::Status told = imprint::TellServiceManager(state);
  if (!told.ok()) spdlog::warn("the service manager: {}", std::string(told.message()));
}

}  // namespace

int main(int argc, char** argv) {
  imprint::TuneLibraries(argv);
  auto parsed = imprint::ParseOptions(argc, argv);
  if (const auto* exit = std::get_if<imprint::ExitRequest>(&parsed)) {
    std::fputs(exit->message.c_str(), exit->code == 0 ? stdout : stderr);
    return exit->code;
  }
  const auto& options = std::get<imprint::ServerOptions>(parsed);
  imprint::SetUpLogging(options.log_level, options.log_format);
  absl::StatusOr<std::unique_ptr<imprint::App>> app = imprint::App::Start(options);
  // Until here a signal ends the program at once; whoever can see it listen may rely on a
  // drain.
  imprint::ShutdownSignal signal;
  absl::Status status = app.ok() ? (*app)->Listen() : app.status();
  if (!status.ok()) {
    spdlog::critical("cannot start: {}", std::string(status.message()));
    return 1;
  }
  Tell(imprint::kServiceReady);
  spdlog::info("signal {}", signal.Wait());
  Tell(imprint::kServiceStopping);
  (*app)->Shutdown();
  return 0;
}
