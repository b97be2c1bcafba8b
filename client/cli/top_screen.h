// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What `imprint top` draws.

#ifndef IMPRINT_CLIENT_CLI_TOP_SCREEN_H_
#define IMPRINT_CLIENT_CLI_TOP_SCREEN_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "imprint/v1/admin_service.pb.h"

namespace imprint::client {

// One look at the server.
struct TopView {
  absl::Time time;
  std::string server;
  std::string error;  // why there is no new look; the last one stands below
  v1::GetStatusResponse status;
  v1::Job running;                    // unset name: none
  std::vector<v1::Job> jobs;          // the newest ones that are over
  std::vector<v1::Version> versions;  // the newest ones
};

// What only several looks tell: rates, and the way of the loss.
class TopHistory {
 public:
  void Observe(const TopView& view);

  // Tokens a second over the last looks; nullopt before the second one.
  std::optional<double> PromptRate() const;
  std::optional<double> OutputRate() const;
  // KL per target token of the running job at each step that was seen.
  const std::vector<double>& losses() const { return losses_; }
  // The first step that was seen; later ones are missing where several pass between two looks.
  int first_step() const { return first_step_; }

 private:
  struct Sample {
    absl::Time time;
    int64_t prompt_tokens;
    int64_t output_tokens;
  };
  std::optional<double> Rate(int64_t Sample::* tokens) const;

  std::deque<Sample> samples_;
  std::string job_;
  int step_ = -1;
  int first_step_ = 0;
  std::vector<double> losses_;
};

// Bars of eight heights for `values`, the highest value the highest bar; the mean of
// neighbours where there are more than `columns`.
std::string Sparkline(const std::vector<double>& values, size_t columns);

// The screen, at most `height` lines of at most `width` columns.
std::string DrawTop(const TopView& view, const TopHistory& history, size_t width, size_t height,
                    bool colours);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_TOP_SCREEN_H_
