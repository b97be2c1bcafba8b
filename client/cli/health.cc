// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint health: whether the server serves, for a container's or a script's check.

#include <iostream>
#include <memory>

#include "client/cli/command.h"
#include "client/cli/output.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace imprint::client {
namespace {

using grpc::health::v1::HealthCheckResponse;

int Run(const Command& command, const std::string& service) {
  grpc::ClientContext context;
  command.client->Prepare(context);
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  HealthCheckResponse response;
  const auto stub = grpc::health::v1::Health::NewStub(command.client->channel());
  const grpc::Status status = stub->Check(&context, request, &response);
  if (!status.ok()) return command.Fail(status);
  if (command.json) {
    Command::PrintJson(response);
  } else {
    std::cout << EnumName(*HealthCheckResponse::ServingStatus_descriptor(), response.status())
              << "\n";
  }
  return response.status() == HealthCheckResponse::SERVING ? kOk : kFailed;
}

}  // namespace

void AddHealth(CLI::App& app, Command& command) {
  auto service = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("health", "whether it serves: exit code 0 when it does");
  verb->add_option("--service", *service, "of one gRPC service, by its full name; none: of all")
      ->type_name("NAME");
  verb->callback([&command, service] {
    command.run = [&command, service] { return Run(command, *service); };
  });
}

}  // namespace imprint::client
