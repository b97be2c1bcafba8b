// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/attention_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "c10/util/Exception.h"

namespace imprint::model {
namespace {

// A batch copies the keys of the past for each of its segments and query heads; beyond
// this many tokens that costs more than calling attention for each segment.
constexpr int64_t kLongestCopiedPast = 128;
// Padding to more than this many times the own length would waste more than a further
// call of attention costs.
constexpr int64_t kMostPadding = 2;

// With gradients a batch is padded to a multiple of so many tokens: of products of few shapes a
// library has to generate little code.
constexpr int64_t kLengthMultiple = 8;

int64_t RoundedUp(int64_t length) {
  return (length + kLengthMultiple - 1) / kLengthMultiple * kLengthMultiple;
}

Past PastOf(absl::Span<const Segment> segments, const std::vector<Past>& pasts,
            const Segment& segment) {
  Past past;
  if (segment.kv_cache != nullptr) {
    TORCH_CHECK(segment.prefix < 0, "a segment has a cache or a prefix, not both");
    past.root_cache = segment.kv_cache;
    past.length = past.root_length = segment.kv_cache->length();
    return past;
  }
  if (segment.prefix < 0) return past;
  const auto prefix = static_cast<size_t>(segment.prefix);
  TORCH_CHECK(prefix < pasts.size(), "a prefix comes before its segment");
  past = pasts[prefix];
  past.length += segments[prefix].length;
  if (segments[prefix].kv_cache != nullptr) {
    // Its tokens are in the cache by the time that anyone attends to them.
    past.root_length += segments[prefix].length;
  } else {
    past.runs.push_back({segments[prefix].begin, segments[prefix].length});
  }
  return past;
}

}  // namespace

AttentionPlan PlanAttention(absl::Span<const Segment> segments, bool with_grad) {
  AttentionPlan plan;
  std::map<int, std::vector<int>> by_prefix;
  std::set<const KvCache*> caches;
  for (size_t i = 0; i < segments.size(); ++i) {
    const Segment& segment = segments[i];
    plan.pasts.push_back(PastOf(segments, plan.pasts, segment));
    const Past& past = plan.pasts.back();
    TORCH_CHECK(segment.kv_cache == nullptr || caches.insert(segment.kv_cache).second,
                "two segments of a batch append to one cache");
    if (past.root_cache != nullptr) {
      TORCH_CHECK(!with_grad, "gradients do not flow through a cache");
      plan.singles.push_back(static_cast<int>(i));
    } else if (!with_grad && past.length > kLongestCopiedPast) {
      plan.singles.push_back(static_cast<int>(i));
    } else {
      by_prefix[segment.prefix].push_back(static_cast<int>(i));
    }
  }
  for (auto& [prefix, members] : by_prefix) {
    std::stable_sort(members.begin(), members.end(), [&](int left, int right) {
      return segments[static_cast<size_t>(left)].length >
             segments[static_cast<size_t>(right)].length;
    });
    PlannedBatch batch;
    const auto finish = [&] {
      if (batch.segments.size() == 1 && !with_grad) {
        plan.singles.push_back(batch.segments.front());
      } else if (!batch.segments.empty()) {
        // Back in the batch's order, so that rows need no shuffling where none are padded.
        std::sort(batch.segments.begin(), batch.segments.end());
        if (with_grad) batch.length = RoundedUp(batch.length);
        plan.batches.push_back(std::move(batch));
      }
      batch = {};
    };
    for (const int member : members) {
      const int64_t length = segments[static_cast<size_t>(member)].length;
      if (length * kMostPadding < batch.length) finish();
      if (batch.segments.empty()) batch.length = length;
      batch.segments.push_back(member);
    }
    finish();
  }
  // Caches are filled in the segments' order, before those that have them as prefix.
  std::sort(plan.singles.begin(), plan.singles.end());
  return plan;
}

}  // namespace imprint::model
