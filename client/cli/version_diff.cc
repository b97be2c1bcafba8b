// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/version_diff.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "client/cli/output.h"
#include "client/cli/text_width.h"

namespace imprint::client {
namespace {

constexpr size_t kPipeWidth = 160;
constexpr size_t kNarrowest = 40;

// Mean efficacy of the probes that could be measured.
class Mean {
 public:
  void Add(const v1::ProbeResult& result) {
    if (!result.has_efficacy()) return;
    sum_ += result.efficacy();
    ++count_;
  }
  std::string Format() const { return FormatOptional(count_ > 0, count_ > 0 ? sum_ / count_ : 0); }

 private:
  double sum_ = 0;
  int count_ = 0;
};

std::string FormatChange(const ProbeChange& change, const std::string& before,
                         const std::string& after, size_t width) {
  const v1::Probe& probe = change.before.probe();
  std::string text = absl::StrCat(
      probe.name(), probe.experience().empty() ? " (retention)" : " of ", probe.experience(),
      ", efficacy ", FormatOptional(change.before.has_efficacy(), change.before.efficacy()), " -> ",
      FormatOptional(change.after.has_efficacy(), change.after.efficacy()), "\n");
  for (const std::string& line : WrapText(probe.question(), width)) {
    absl::StrAppend(&text, line, "\n");
  }
  return absl::StrCat(text, SideBySide(before, after, width),
                      SideBySide(change.before.answer(), change.after.answer(), width), "\n");
}

}  // namespace

std::vector<ProbeChange> PairResults(const v1::RunProbesResponse& before,
                                     const v1::RunProbesResponse& after) {
  std::map<std::string, const v1::ProbeResult*> by_name;
  for (const v1::ProbeResult& result : after.results()) by_name[result.probe().name()] = &result;
  std::vector<ProbeChange> changes;
  for (const v1::ProbeResult& result : before.results()) {
    const auto found = by_name.find(result.probe().name());
    if (found != by_name.end()) changes.push_back({result, *found->second});
  }
  return changes;
}

std::string FormatChanges(const std::vector<ProbeChange>& changes, bool unchanged_too,
                          const std::string& before, const std::string& after, size_t width) {
  width = std::max(width == 0 ? kPipeWidth : width, kNarrowest);
  std::string text;
  Mean mean_before, mean_after;
  int64_t changed = 0;
  for (const ProbeChange& change : changes) {
    mean_before.Add(change.before);
    mean_after.Add(change.after);
    if (change.AnswerChanged()) ++changed;
    if (change.AnswerChanged() || unchanged_too) {
      absl::StrAppend(&text, FormatChange(change, before, after, width));
    }
  }
  return absl::StrCat(
      text, changed, " of ", FormatCount(static_cast<int64_t>(changes.size()), "answer"),
      " changed; mean efficacy ", mean_before.Format(), " -> ", mean_after.Format(), "\n");
}

}  // namespace imprint::client
