// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/remote_endpoint.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/status_macros.h"
#include "server/generator/remote_dialogue.h"
#include "spdlog/spdlog.h"

namespace imprint::generator {
namespace {

constexpr int kAttempts = 4;
// How often a wait looks whether the server stops.
constexpr absl::Duration kStep = absl::Milliseconds(100);

std::string WhatToDo(int status) {
  if (status == 401 || status == 403) return "; see --generator.endpoint_key_file";
  if (status == 404) return "; see --generator.endpoint and --generator.endpoint_model";
  if (status >= 300 && status < 400) return "; redirects are not followed";
  return "";
}

}  // namespace

// One request and what became of it.
struct RemoteEndpoint::Attempt {
  const char* result;  // a label of the metric
  absl::Status status = absl::OkStatus();
  bool try_again = false;
  absl::Duration retry_after = absl::ZeroDuration();
  std::vector<Exchange> exchanges = {};
};

void RemoteEndpoint::WaitInSteps(absl::Duration pause, const std::function<bool()>& cancelled) {
  for (; pause > absl::ZeroDuration() && !cancelled(); pause -= kStep) {
    absl::SleepFor(std::min(pause, kStep));
  }
}

absl::StatusOr<std::unique_ptr<RemoteEndpoint>> RemoteEndpoint::Open(
    const RemoteOptions& options, metrics::GeneratorMetrics* metrics, Wait wait,
    const Clock* clock) {
  IMPRINT_RETURN_IF_ERROR(CheckRemoteOptions(options));
  IMPRINT_ASSIGN_OR_RETURN(const std::string key, ReadKey(options));
  std::error_code error;
  if (!options.ca_file.empty() && !std::filesystem::exists(options.ca_file, error)) {
    return absl::NotFoundError(
        absl::StrCat("--generator.endpoint_ca: there is no file ", options.ca_file.string()));
  }
  return std::unique_ptr<RemoteEndpoint>(
      new RemoteEndpoint(options, key, metrics, std::move(wait), clock));
}

RemoteEndpoint::RemoteEndpoint(const RemoteOptions& options, const std::string& key,
                               metrics::GeneratorMetrics* metrics, Wait wait, const Clock* clock)
    : options_(options),
      url_(absl::StrCat(absl::StripSuffix(options.endpoint, "/"), "/chat/completions")),
      client_({.timeout = options.timeout, .ca_file = options.ca_file, .bearer_key = key}),
      metrics_(*metrics),
      wait_(std::move(wait)),
      clock_(clock) {}

absl::StatusOr<std::vector<Exchange>> RemoteEndpoint::Ask(const std::string& request,
                                                          size_t max_count,
                                                          const std::function<bool()>& cancelled) {
  const int attempts = AttemptsNow();
  if (attempts == 0) return absl::UnavailableError("it failed and is left alone for a while");
  for (int i = 0;; ++i) {
    Attempt attempt = AskOnce(request, max_count, cancelled);
    if (cancelled() || absl::IsCancelled(attempt.status)) {
      return absl::CancelledError("the server is stopping");
    }
    metrics_.remote_requests.at(attempt.result)->Increment();
    if (attempt.status.ok() || !attempt.try_again || i + 1 == attempts) {
      // That it does not take one request says nothing of the next.
      if (!absl::IsInvalidArgument(attempt.status)) SetFailing(attempt.status);
      if (!attempt.status.ok()) return attempt.status;
      return std::move(attempt.exchanges);
    }
    wait_(PauseAfter(i, attempt.retry_after), cancelled);
    if (cancelled()) return absl::CancelledError("the server is stopping");
  }
}

RemoteEndpoint::Attempt RemoteEndpoint::AskOnce(const std::string& request, size_t max_count,
                                                const std::function<bool()>& cancelled) const {
  const absl::StatusOr<http::Response> response = client_.PostJson(url_, request, cancelled);
  if (absl::IsDeadlineExceeded(response.status())) {
    return {.result = "timeout", .status = response.status()};
  }
  if (absl::IsResourceExhausted(response.status())) {
    return {.result = "unusable", .status = response.status()};
  }
  if (!response.ok()) {
    return {.result = "unreachable", .status = response.status(), .try_again = true};
  }
  const int code = response->status;
  if (code != 200) {
    const bool is_busy = code == 408 || code == 429;
    const bool is_fault = code >= 500;
    const bool is_about_request = code == 400 || code == 413 || code == 422;
    const std::string said = absl::StrCat("it answers ", code, WhatToDo(code));
    return {.result = is_busy    ? "busy"
                      : is_fault ? "server_error"
                                 : "refused",
            .status =
                is_about_request ? absl::InvalidArgumentError(said) : absl::UnavailableError(said),
            .try_again = is_busy || is_fault,
            .retry_after = response->retry_after};
  }
  std::optional<std::vector<Exchange>> exchanges = ReadExchanges(response->body, max_count);
  if (!exchanges.has_value()) {
    return {.result = "unusable",
            .status = absl::UnavailableError(
                "it answers without questions and answers in the form that it is asked for"),
            .try_again = true};
  }
  return {.result = "ok", .exchanges = *std::move(exchanges)};
}

absl::Duration RemoteEndpoint::PauseAfter(int attempt, absl::Duration asked_for) const {
  return std::min(std::max(options_.first_pause * (1 << attempt), asked_for), options_.max_pause);
}

int RemoteEndpoint::AttemptsNow() const {
  absl::MutexLock lock(&mutex_);
  if (rest_ == absl::ZeroDuration()) return kAttempts;
  return clock_->Now() < next_try_ ? 0 : 1;
}

void RemoteEndpoint::SetFailing(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  const bool was_failing = rest_ > absl::ZeroDuration();
  if (status.ok()) {
    rest_ = absl::ZeroDuration();
    if (was_failing) spdlog::info("{} answers again", options_.endpoint);
    return;
  }
  rest_ = std::clamp(2 * rest_, kFirstRest, kLongestRest);
  next_try_ = clock_->Now() + rest_;
  if (was_failing) return;
  spdlog::warn("{} fails: {}; until it answers the model itself writes all questions",
               options_.endpoint, std::string(status.message()));
}

}  // namespace imprint::generator
