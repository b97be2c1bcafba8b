// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/remote_writer.h"

#include <algorithm>
#include <set>

#include "absl/status/status.h"
#include "server/generator/facts.h"
#include "server/generator/remote_audit.h"
#include "server/generator/remote_dialogue.h"

namespace imprint::generator {
namespace {

// More at once come out alike, or are cut off.
constexpr int kQuestionsInARound = 20;
// Beyond what is asked for: some write more, and each is looked at.
constexpr size_t kMostInAResponse = 100;
// Rounds beyond those that would do if all were kept.
constexpr int kSpareRounds = 2;

}  // namespace

absl::StatusOr<std::vector<Exchange>> RemoteWriter::Write(
    const std::string& chunk, int count, const std::function<bool(const Exchange&)>& fits,
    const std::function<bool()>& cancelled) const {
  const int rounds = (count + kQuestionsInARound - 1) / kQuestionsInARound + kSpareRounds;
  std::vector<Exchange> written;
  std::vector<std::string> asked;
  std::set<std::string> seen;
  for (int round = 0; round < rounds && static_cast<int>(written.size()) < count; ++round) {
    const int wanted = std::min(count - static_cast<int>(written.size()), kQuestionsInARound);
    absl::StatusOr<std::vector<Exchange>> offered = endpoint_->Ask(
        RemoteRequest(endpoint_->model(), chunk, asked, wanted), kMostInAResponse, cancelled);
    if (!offered.ok()) {
      if (round == 0 || absl::IsCancelled(offered.status())) return offered.status();
      break;
    }
    const size_t before = written.size();
    for (Exchange& exchange : *offered) {
      if (static_cast<int>(written.size()) == count) break;
      const bool keep = fits(exchange) && IsBorneOut(exchange, chunk) &&
                        seen.insert(NormalForm(exchange.question)).second;
      endpoint_->metrics().remote_exchanges.at(keep ? "kept" : "dropped")->Increment();
      if (!keep) continue;
      asked.push_back(exchange.question);
      written.push_back(std::move(exchange));
    }
    if (written.size() == before) break;
  }
  return written;
}

}  // namespace imprint::generator
