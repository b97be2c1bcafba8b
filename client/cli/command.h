// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What every verb of the CLI shares: the connection, the global flags, the exit codes.

#ifndef IMPRINT_CLIENT_CLI_COMMAND_H_
#define IMPRINT_CLIENT_CLI_COMMAND_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "imprint/client.h"
#include "imprint/v1/message.pb.h"

namespace imprint::client {

// Exit codes of the program.
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,       // the server did as told, and it ended badly (quarantined, rejected)
  kUsage = 2,        // the command line or a file named on it is wrong
  kUnavailable = 3,  // no server answers, or it is draining
  kRefused = 4,      // the server refused: what it said is on standard error
};

// One run of the program. A verb's callback sets `run`; main calls it with a client.
struct Command {
  ClientOptions options;
  bool json = false;
  std::function<int()> run;
  Client* client = nullptr;

  // Says on standard error what went wrong and gives the exit code for it.
  int Fail(const grpc::Status& status) const;
  static int Fail(ExitCode code, absl::string_view message);

  // One line of JSON on standard output.
  static void PrintJson(const google::protobuf::Message& message);
};

// "12" or "<kind>/12" as "<kind>/12"; for CLI11: an error text when it is neither.
std::string ResourceName(absl::string_view kind, const std::string& word);

// "base", "12" or "versions/12" as "versions/12"; the base is "versions/0".
std::string VersionName(const std::string& word);

// For CLI11: a number that is not below 0.
CLI::Validator NotNegative();

// "base", "latest" or a number. INVALID_ARGUMENT otherwise.
absl::StatusOr<v1::VersionSelector> ParseVersion(const std::string& word);

// "key=value" words as a map. INVALID_ARGUMENT names the word.
absl::Status ParseLabels(const std::vector<std::string>& words,
                         google::protobuf::Map<std::string, std::string>& labels);

// Gives each item of all pages of a list to `visit`; `limit` <= 0: no limit. `call` fills
// `response` from `request`; `items` is the field of the response that grows.
template <typename Request, typename Response, typename Item>
grpc::Status ListEach(
    const Client& client, Request request, int64_t limit,
    const std::function<grpc::Status(grpc::ClientContext&, const Request&, Response*)>& call,
    google::protobuf::RepeatedPtrField<Item>* (Response::*items)(),
    const std::function<void(Item&)>& visit) {
  constexpr int64_t kPage = 500;
  int64_t seen = 0;
  while (true) {
    const int64_t left = limit <= 0 ? kPage : limit - seen;
    if (left <= 0) return grpc::Status::OK;
    request.set_page_size(static_cast<int32_t>(left < kPage ? left : kPage));
    grpc::ClientContext context;
    client.Prepare(context);
    Response response;
    if (grpc::Status status = call(context, request, &response); !status.ok()) return status;
    for (Item& item : *(response.*items)()) visit(item);
    seen += (response.*items)()->size();
    if (response.next_page_token().empty()) return grpc::Status::OK;
    request.set_page_token(response.next_page_token());
  }
}

// The same, collected.
template <typename Request, typename Response, typename Item>
grpc::Status ListAll(
    const Client& client, const Request& request, int64_t limit,
    const std::function<grpc::Status(grpc::ClientContext&, const Request&, Response*)>& call,
    google::protobuf::RepeatedPtrField<Item>* (Response::*items)(), std::vector<Item>& out) {
  return ListEach<Request, Response, Item>(client, request, limit, call, items,
                                           [&out](Item& item) { out.push_back(std::move(item)); });
}

// Each adds its verb to `app`.
void AddInject(CLI::App& app, Command& command);
void AddQuery(CLI::App& app, Command& command);
void AddChat(CLI::App& app, Command& command);
void AddStatus(CLI::App& app, Command& command);
void AddTop(CLI::App& app, Command& command);
void AddEvents(CLI::App& app, Command& command);
void AddHealth(CLI::App& app, Command& command);
void AddExperiences(CLI::App& app, Command& command);
void AddJobs(CLI::App& app, Command& command);
void AddUpdates(CLI::App& app, Command& command);
void AddVersions(CLI::App& app, Command& command);
void AddProbes(CLI::App& app, Command& command);
void AddExportVersion(CLI::App& app, Command& command);
void AddBackup(CLI::App& app, Command& command);
void AddRestore(CLI::App& app, Command& command);
void AddRepair(CLI::App& app, Command& command);
void AddReport(CLI::App& app, Command& command);
void AddTokens(CLI::App& app, Command& command);
void AddCompletion(CLI::App& app, Command& command);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_COMMAND_H_
