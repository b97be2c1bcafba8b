// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/packer.h"

#include <algorithm>
#include <numeric>

namespace imprint::update {
namespace {

// The part of an item that others may share.
absl::Span<const int32_t> Shareable(const PackItem& item) {
  return item.prompt.first(item.prompt.size() - 1);
}

// Walks the prompts, sorted, as a tree of common prefixes.
class TreePacker {
 public:
  explicit TreePacker(const std::vector<PackItem>& items)
      : items_(items), order_(items.size()), own_begin_(items.size()), own_depth_(items.size()) {
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::stable_sort(order_.begin(), order_.end(), [&](size_t left, size_t right) {
      const auto a = Shareable(items_[left]);
      const auto b = Shareable(items_[right]);
      return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
    });
  }

  PackedBatch Run() && {
    batch_.item_segments.resize(items_.size());
    if (!items_.empty()) Emit(0, order_.size(), /*depth=*/0, /*shared=*/0, /*parent=*/-1);
    for (size_t i = 0; i < items_.size(); ++i) {
      const int64_t first = own_begin_[i] + static_cast<int64_t>(items_[i].prompt.size()) - 1 -
                            static_cast<int64_t>(own_depth_[i]);
      for (size_t t = 0; t < items_[i].target.size(); ++t) {
        batch_.target_rows.push_back(first + static_cast<int64_t>(t));
      }
    }
    return std::move(batch_);
  }

 private:
  // Items order_[begin, end) agree in their first `depth` tokens, of which `parent` and its
  // prefixes hold the first `shared`.
  void Emit(size_t begin, size_t end, size_t depth, size_t shared, int parent) {
    if (end - begin == 1) {
      EmitOwn(order_[begin], shared, parent);
      return;
    }
    // Sorted: what the outermost two share, all share.
    const auto front = Shareable(items_[order_[begin]]);
    const auto back = Shareable(items_[order_[end - 1]]);
    while (depth < front.size() && depth < back.size() && front[depth] == back[depth]) ++depth;
    if (static_cast<int64_t>(depth - shared) >= kMinSharedPrefix) {
      parent = AddSegment(front.subspan(shared, depth - shared), {}, parent);
      shared = depth;
    }
    // Those that end here come first in the order; the others part by their next token.
    while (begin < end && Shareable(items_[order_[begin]]).size() == depth) {
      EmitOwn(order_[begin++], shared, parent);
    }
    while (begin < end) {
      const int32_t token = Shareable(items_[order_[begin]])[depth];
      size_t group_end = begin + 1;
      while (group_end < end && Shareable(items_[order_[group_end]])[depth] == token) ++group_end;
      Emit(begin, group_end, depth, shared, parent);
      begin = group_end;
    }
  }

  void EmitOwn(size_t item, size_t shared, int parent) {
    own_begin_[item] = static_cast<int64_t>(batch_.tokens.size());
    own_depth_[item] = shared;
    const absl::Span<const int32_t> target = items_[item].target;
    batch_.item_segments[item] =
        AddSegment(items_[item].prompt.subspan(shared), target.first(target.size() - 1), parent);
  }

  int AddSegment(absl::Span<const int32_t> tokens, absl::Span<const int32_t> more, int parent) {
    model::Segment segment;
    segment.begin = static_cast<int64_t>(batch_.tokens.size());
    segment.length = static_cast<int64_t>(tokens.size() + more.size());
    segment.prefix = parent;
    batch_.tokens.insert(batch_.tokens.end(), tokens.begin(), tokens.end());
    batch_.tokens.insert(batch_.tokens.end(), more.begin(), more.end());
    batch_.segments.push_back(segment);
    return static_cast<int>(batch_.segments.size()) - 1;
  }

  const std::vector<PackItem>& items_;
  std::vector<size_t> order_;
  std::vector<int64_t> own_begin_;  // of each item's own segment
  std::vector<size_t> own_depth_;   // prompt tokens before it
  PackedBatch batch_;
};

int64_t Tokens(const PackItem& item) {
  return static_cast<int64_t>(item.prompt.size() + item.target.size()) - 1;
}

// Adds the tokens to the least load; gives its index, the first of equals.
size_t AddToLightest(int64_t tokens, std::vector<int64_t>& load) {
  const auto lightest = std::min_element(load.begin(), load.end());
  *lightest += tokens;
  return static_cast<size_t>(lightest - load.begin());
}

// Deals items in order, each to the batch with the fewest tokens so far.
void Deal(const std::vector<PackItem>& items, std::vector<BatchPlan>& batches,
          std::vector<size_t> BatchPlan::* list) {
  std::vector<int64_t> load(batches.size(), 0);
  for (size_t i = 0; i < items.size(); ++i) {
    (batches[AddToLightest(Tokens(items[i]), load)].*list).push_back(i);
  }
}

std::vector<BatchPlan> DealAll(const std::vector<PackItem>& targets,
                               const std::vector<PackItem>& retention, size_t count) {
  std::vector<BatchPlan> batches(count);
  Deal(targets, batches, &BatchPlan::targets);
  Deal(retention, batches, &BatchPlan::retention);
  return batches;
}

int64_t PackedTokens(const std::vector<PackItem>& targets, const std::vector<PackItem>& retention,
                     const std::vector<BatchPlan>& batches) {
  int64_t tokens = 0;
  for (const BatchPlan& batch : batches) {
    std::vector<PackItem> items;
    for (const size_t i : batch.targets) items.push_back(targets[i]);
    for (const size_t i : batch.retention) items.push_back(retention[i]);
    tokens += static_cast<int64_t>(Pack(items).tokens.size());
  }
  return tokens;
}

}  // namespace

PackedBatch Pack(const std::vector<PackItem>& items) { return TreePacker(items).Run(); }

void PadTokens(int64_t multiple, PackedBatch& batch) {
  const auto tokens = static_cast<int64_t>(batch.tokens.size());
  const int64_t missing = (multiple - tokens % multiple) % multiple;
  if (tokens == 0 || missing == 0) return;
  std::vector<int64_t> ends;  // of the sequence up to each segment's end
  for (const model::Segment& segment : batch.segments) {
    const int64_t before = segment.prefix < 0 ? 0 : ends[static_cast<size_t>(segment.prefix)];
    ends.push_back(before + segment.length);
  }
  // The last segment is an item's own: none comes after its tokens.
  if (ends.back() + missing <= *std::max_element(ends.begin(), ends.end())) {
    batch.segments.back().length += missing;
  } else {
    batch.segments.push_back({.begin = tokens, .length = missing});
  }
  batch.tokens.resize(static_cast<size_t>(tokens + missing), batch.tokens.back());
  batch.padding += missing;
}

void PadForDevice(at::Device device, PackedBatch& batch) {
  if (device.is_cpu()) PadTokens(kPaddedMultiple, batch);
}

std::vector<BatchPlan> PlanBatches(const std::vector<PackItem>& targets,
                                   const std::vector<PackItem>& retention, int64_t batch_tokens) {
  if (targets.empty()) return {};
  int64_t total = 0;
  for (const PackItem& item : targets) total += Tokens(item);
  for (const PackItem& item : retention) total += Tokens(item);
  const auto count_for = [&](int64_t tokens) {
    return std::clamp<size_t>((tokens + batch_tokens - 1) / batch_tokens, 1, targets.size());
  };
  std::vector<BatchPlan> batches = DealAll(targets, retention, count_for(total));
  // How much sharing saves depends on the batches, and their number on what it saves: begin
  // without and correct. Fewer batches share more, so that this ends.
  while (true) {
    const size_t enough = count_for(PackedTokens(targets, retention, batches));
    if (enough >= batches.size()) break;
    batches = DealAll(targets, retention, enough);
  }
  return batches;
}

std::vector<BatchPlan> SplitBatch(const std::vector<PackItem>& targets,
                                  const std::vector<PackItem>& retention, int64_t count) {
  struct Item {
    int64_t tokens;
    size_t index;
    std::vector<size_t> BatchPlan::* list;
  };
  std::vector<Item> items;
  for (size_t i = 0; i < targets.size(); ++i) {
    items.push_back({Tokens(targets[i]), i, &BatchPlan::targets});
  }
  for (size_t i = 0; i < retention.size(); ++i) {
    items.push_back({Tokens(retention[i]), i, &BatchPlan::retention});
  }
  // The longest first: the short ones even out what they leave.
  std::stable_sort(items.begin(), items.end(),
                   [](const Item& a, const Item& b) { return a.tokens > b.tokens; });
  std::vector<BatchPlan> parts(std::min(items.size(), static_cast<size_t>(count)));
  std::vector<int64_t> load(parts.size(), 0);
  for (const Item& item : items) {
    (parts[AddToLightest(item.tokens, load)].*item.list).push_back(item.index);
  }
  return parts;
}

}  // namespace imprint::update
