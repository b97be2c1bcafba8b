// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// One endpoint of the OpenAI kind, and how much patience there is with it.

#ifndef IMPRINT_SERVER_GENERATOR_REMOTE_ENDPOINT_H_
#define IMPRINT_SERVER_GENERATOR_REMOTE_ENDPOINT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "server/generator/remote_options.h"
#include "server/generator/restate.h"
#include "server/http/client.h"
#include "server/metrics/metrics.h"

namespace imprint::generator {

// Thread-safe. Says in the log when the endpoint begins to fail and when it answers again, once
// each; neither the key nor what was sent or came back is ever in the log.
class RemoteEndpoint {
 public:
  // Waits so long, or until `cancelled`.
  static constexpr absl::Duration kFirstRest = absl::Seconds(5);
  static constexpr absl::Duration kLongestRest = absl::Minutes(10);

  using Wait = std::function<void(absl::Duration, const std::function<bool()>& cancelled)>;
  static void WaitInSteps(absl::Duration pause, const std::function<bool()>& cancelled);

  // Reads the key. Errors of CheckRemoteOptions and ReadKey; NOT_FOUND naming the flag where
  // there is no file of authorities. `metrics` outlives it.
  static absl::StatusOr<std::unique_ptr<RemoteEndpoint>> Open(const RemoteOptions& options,
                                                              metrics::GeneratorMetrics* metrics,
                                                              Wait wait = WaitInSteps,
                                                              const Clock* clock = Clock::Real());

  // Sends a RemoteRequest; gives the exchanges of the response, at most `max_count`, none where it
  // has no more to ask. A few attempts where it may help: no connection, 408, 429, 5xx, a response
  // of another form. Once these have failed it is left alone for a while, which grows from
  // kFirstRest to kLongestRest, and UNAVAILABLE comes at once; then one attempt tells. CANCELLED:
  // `cancelled` became true. Other errors say what is wrong with the endpoint, or
  // (INVALID_ARGUMENT) that it does not take this request.
  absl::StatusOr<std::vector<Exchange>> Ask(const std::string& request, size_t max_count,
                                            const std::function<bool()>& cancelled);

  const std::string& model() const { return options_.model; }
  metrics::GeneratorMetrics& metrics() const { return metrics_; }

 private:
  struct Attempt;

  RemoteEndpoint(const RemoteOptions& options, const std::string& key,
                 metrics::GeneratorMetrics* metrics, Wait wait, const Clock* clock);

  Attempt AskOnce(const std::string& request, size_t max_count,
                  const std::function<bool()>& cancelled) const;
  // How long to wait after the attempt of that number, from 0 on.
  absl::Duration PauseAfter(int attempt, absl::Duration asked_for) const;
  // How many attempts may be made now; 0: it rests.
  int AttemptsNow() const ABSL_LOCKS_EXCLUDED(mutex_);
  void SetFailing(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  const RemoteOptions options_;
  const std::string url_;
  const http::Client client_;
  metrics::GeneratorMetrics& metrics_;
  const Wait wait_;
  const Clock* const clock_;
  mutable absl::Mutex mutex_;
  absl::Duration rest_ ABSL_GUARDED_BY(mutex_);  // zero: it does not fail
  absl::Time next_try_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_REMOTE_ENDPOINT_H_
