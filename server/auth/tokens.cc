// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/auth/tokens.h"

#include <openssl/crypto.h>

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file_util.h"
#include "common/status_macros.h"
#include "spdlog/spdlog.h"

namespace imprint::auth {
namespace {

std::shared_ptr<Quota> QuotaOf(int64_t limit, absl::Duration period, const Clock* clock,
                               const std::shared_ptr<Quota>& before) {
  if (before != nullptr && before->limit() == limit) return before;
  return std::make_shared<Quota>(limit, period, clock);
}

}  // namespace

Tokens::Tokens(std::filesystem::path file, metrics::AuthMetrics* metrics, const Clock* clock)
    : file_(std::move(file)), metrics_(metrics), clock_(clock) {}

absl::StatusOr<std::unique_ptr<Tokens>> Tokens::Open(const std::filesystem::path& file,
                                                     metrics::AuthMetrics* metrics,
                                                     const Clock* clock) {
  std::unique_ptr<Tokens> tokens(new Tokens(file, metrics, clock));
  IMPRINT_ASSIGN_OR_RETURN(
      tokens->watch_,
      FileWatch::Start({.files = {file},
                        .name = "--auth.tokens_file",
                        .meanwhile = "the tokens of before stay in force",
                        .bad = metrics == nullptr ? nullptr : metrics->tokens_file_bad},
                       [loaded = tokens.get()] { return loaded->Load(); }));
  return tokens;
}

std::shared_ptr<const Tokens::Table> Tokens::table() const {
  absl::MutexLock lock(&mutex_);
  return table_;
}

std::shared_ptr<const Token> Tokens::Find(absl::string_view token) const {
  const std::string digest = TokenDigest(token);
  const std::shared_ptr<const Table> all = table();
  std::shared_ptr<const Token> found;
  for (const std::shared_ptr<const Token>& one : *all) {
    if (CRYPTO_memcmp(one->line.sha256.data(), digest.data(), digest.size()) == 0) found = one;
  }
  return found;
}

absl::StatusOr<std::shared_ptr<const Tokens::Table>> Tokens::Parse(absl::string_view text) const {
  absl::flat_hash_map<std::string, std::shared_ptr<const Token>> before;
  for (const auto& token : *table()) before[token->line.name] = token;

  auto read = std::make_shared<Table>();
  absl::flat_hash_set<std::string> names;
  absl::flat_hash_map<std::string, int> lines;  // by hash
  int number = 0;
  for (absl::string_view row : absl::StrSplit(text, '\n')) {
    ++number;
    row = absl::StripAsciiWhitespace(row);
    if (row.empty() || absl::StartsWith(row, "#")) continue;
    absl::StatusOr<TokenLine> line = ParseTokenLine(row);
    if (!line.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(file_.string(), ", line ", number, ": ", line.status().message()));
    }
    if (!names.insert(line->name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(file_.string(), ", line ", number, ": ", line->name, " is there already"));
    }
    const auto [same, is_new] = lines.try_emplace(line->sha256, number);
    if (!is_new) {
      return absl::InvalidArgumentError(absl::StrCat(file_.string(), ", lines ", same->second,
                                                     " and ", number, " have one hash"));
    }
    if (read->size() == kMaxTokens) {
      return absl::InvalidArgumentError(
          absl::StrCat(file_.string(), " has more than ", kMaxTokens, " tokens"));
    }
    Token token;
    const auto found = before.find(line->name);
    const Token none;
    const Token& earlier = found == before.end() ? none : *found->second;
    token.requests = QuotaOf(line->requests_per_minute, absl::Minutes(1), clock_, earlier.requests);
    token.inject_bytes =
        QuotaOf(line->inject_bytes_per_hour, absl::Hours(1), clock_, earlier.inject_bytes);
    token.line = *std::move(line);
    read->push_back(std::make_shared<const Token>(std::move(token)));
  }
  return read;
}

absl::Status Tokens::Load() {
  IMPRINT_ASSIGN_OR_RETURN(const std::string text, ReadSecret(file_));
  IMPRINT_ASSIGN_OR_RETURN(std::shared_ptr<const Table> read, Parse(text));
  const size_t count = read->size();
  if (metrics_ != nullptr) metrics_->tokens->Set(static_cast<double>(count));
  {
    absl::MutexLock lock(&mutex_);
    table_ = std::move(read);
  }
  spdlog::info("{} tokens in {}", count, file_.string());
  return absl::OkStatus();
}

}  // namespace imprint::auth
