// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/student_answers.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/functional/function_ref.h"
#include "common/status_macros.h"
#include "server/engine/sampler.h"
#include "server/model/kv_cache.h"
#include "server/model/network.h"
#include "server/probe/kl.h"
#include "server/probe/teacher.h"
#include "server/store/teacher_codec.h"
#include "server/update/packer.h"

namespace imprint::update {
namespace {

using Answers = std::vector<std::vector<int32_t>>;

// Answers that are written side by side by one thread.
constexpr size_t kWrittenAtOnce = 32;
// Fewer only to give this many threads something to do, and not fewer than a few each.
constexpr size_t kWritingThreads = 4;
constexpr size_t kLeastWrittenAtOnce = 8;
// Prompts and answers that are judged in one pass after the first, in tokens: as many as the first
// has with its context, between these. Their hidden states, and not their logits, are in memory
// together.
constexpr size_t kJudgedTokens = 512;
constexpr size_t kMostJudgedTokens = 2048;
// Rows of logits that a thread has in memory at once, as in the loss.
constexpr int64_t kLogitRows = 64;

// Calls work(0) to work(count - 1), side by side on a CPU, a thread each, as the parts of a step
// are computed. Gives the first error by number.
absl::Status ForEach(at::Device device, size_t count,
                     absl::FunctionRef<absl::Status(size_t)> work) {
  std::vector<absl::Status> results(count);
  const auto run = [&](int64_t begin, int64_t end) {
    const at::NoGradGuard no_grad;  // is each thread's own
    for (int64_t i = begin; i < end; ++i) {
      results[static_cast<size_t>(i)] = work(static_cast<size_t>(i));
    }
  };
  // In a region of parallel_for each operator runs in one thread.
  if (device.is_cpu() && count > 1) {
    at::parallel_for(0, static_cast<int64_t>(count), /*grain_size=*/1, run);
  } else {
    run(0, static_cast<int64_t>(count));
  }
  for (const absl::Status& result : results) IMPRINT_RETURN_IF_ERROR(result);
  return absl::OkStatus();
}

// The passes of one call over the network. Thread-safe.
class Reader {
 public:
  Reader(const model::Weights& base, engine::ComputeShare* share,
         const std::function<bool()>& cancelled)
      : base_(base), share_(share), cancelled_(cancelled) {}

  const model::Weights& base() const { return base_; }
  model::KvCache MakeCache(int64_t reserve) const {
    return model::KvCache(base_.config, base_.placement, reserve);
  }

  // Hidden states of all tokens; a null adapter is the base alone.
  absl::StatusOr<at::Tensor> Forward(const model::Adapter* adapter,
                                     absl::Span<const int32_t> tokens,
                                     absl::Span<const model::Segment> segments) const {
    if (cancelled_ && cancelled_()) return absl::CancelledError("training was cancelled");
    model::ForwardOptions options;
    options.adapter = adapter;
    if (share_ != nullptr) options.layer_hook = [this] { share_->Yield(); };
    return model::Network::Forward(base_, tokens, segments, options);
  }

 private:
  const model::Weights& base_;
  engine::ComputeShare* const share_;
  const std::function<bool()>& cancelled_;
};

// An answer on its way.
struct Writing {
  model::KvCache cache;
  std::vector<int32_t> said = {};
  bool ended = false;
};

// What the student says to up to kWrittenAtOnce prompts. The i-th is sampled with seed + i.
absl::StatusOr<Answers> WriteTogether(const Reader& reader, const model::Adapter& student,
                                      const Answers& prompts, const StudentAnswersOptions& options,
                                      uint64_t seed) {
  // What all of them begin with is computed once; each keeps a token of its own to go on from.
  size_t shared = static_cast<size_t>(probe::SharedPrefix(prompts));
  for (const std::vector<int32_t>& prompt : prompts) shared = std::min(shared, prompt.size() - 1);
  model::KvCache beginning = reader.MakeCache(static_cast<int64_t>(shared));
  if (shared > 0) {
    const absl::Span<const int32_t> tokens = absl::MakeConstSpan(prompts[0]).first(shared);
    const model::Segment all = {.length = static_cast<int64_t>(shared), .kv_cache = &beginning};
    IMPRINT_RETURN_IF_ERROR(reader.Forward(&student, tokens, {all}).status());
  }
  std::vector<Writing> writings;
  for (const std::vector<int32_t>& prompt : prompts) {
    const size_t room = prompt.size() + static_cast<size_t>(options.max_answer_tokens);
    writings.push_back({beginning.Fork(static_cast<int64_t>(shared), static_cast<int64_t>(room))});
  }

  for (int index = 0; index < options.max_answer_tokens; ++index) {
    std::vector<int32_t> tokens;
    std::vector<model::Segment> segments;
    std::vector<int64_t> last_rows;
    std::vector<engine::SampleSpec> specs;
    std::vector<Writing*> going_on;
    for (size_t i = 0; i < writings.size(); ++i) {
      Writing& writing = writings[i];
      if (writing.ended) continue;
      const auto begin = static_cast<int64_t>(tokens.size());
      if (index == 0) {
        tokens.insert(tokens.end(), prompts[i].begin() + static_cast<int64_t>(shared),
                      prompts[i].end());
      } else {
        tokens.push_back(writing.said.back());
      }
      segments.push_back({.begin = begin,
                          .length = static_cast<int64_t>(tokens.size()) - begin,
                          .kv_cache = &writing.cache});
      last_rows.push_back(static_cast<int64_t>(tokens.size()) - 1);
      specs.push_back({.options = {.temperature = options.temperature,
                                   .top_p = options.top_p,
                                   .seed = seed + i},
                       .index = static_cast<uint64_t>(index)});
      going_on.push_back(&writing);
    }
    if (going_on.empty()) break;
    IMPRINT_ASSIGN_OR_RETURN(const at::Tensor hidden, reader.Forward(&student, tokens, segments));
    const at::Tensor rows = at::tensor(last_rows, at::kLong).to(hidden.device());
    const std::vector<int32_t> next = engine::SampleTokens(
        model::Network::Logits(reader.base(), hidden.index_select(0, rows)), specs);
    for (size_t i = 0; i < going_on.size(); ++i) {
      going_on[i]->said.push_back(next[i]);
      going_on[i]->ended = std::find(options.stop_ids.begin(), options.stop_ids.end(), next[i]) !=
                           options.stop_ids.end();
    }
  }
  Answers answers;
  for (Writing& writing : writings) answers.push_back(std::move(writing.said));
  return answers;
}

// The items in runs, each to be read in one pass. What a prompt has in common with the one before
// counts once; a context that all of a run have is computed again in the next one, so that a run
// has as many other tokens.
std::vector<std::pair<size_t, size_t>> RunsOf(const std::vector<PackItem>& items) {
  std::vector<std::pair<size_t, size_t>> runs;
  size_t tokens = 0, most = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const PackItem& item = items[i];
    size_t own = item.prompt.size() + item.target.size();
    if (i > 0) {
      const absl::Span<const int32_t> before = items[i - 1].prompt;
      own -= static_cast<size_t>(
          std::mismatch(before.begin(), before.end(), item.prompt.begin(), item.prompt.end())
              .first -
          before.begin());
    }
    if (runs.empty() || tokens + own > most) {
      runs.emplace_back(i, i);
      tokens = 0;
      own = item.prompt.size() + item.target.size();
      most = own + std::clamp(own, kJudgedTokens, kMostJudgedTokens);
    }
    tokens += own;
    runs.back().second = i + 1;
  }
  return runs;
}

// Calls `take` with log-probabilities [rows, vocab] of the items' target tokens, and the number of
// the first of them among all target tokens; on several threads, in any order.
absl::Status ReadTargets(const Reader& reader, const model::Adapter* adapter,
                         const std::vector<PackItem>& items,
                         absl::FunctionRef<void(int64_t first, const at::Tensor& log_probs)> take) {
  const std::vector<std::pair<size_t, size_t>> runs = RunsOf(items);
  std::vector<int64_t> begins(runs.size());  // of their target tokens
  int64_t tokens = 0;
  for (size_t run = 0; run < runs.size(); ++run) {
    begins[run] = tokens;
    for (size_t i = runs[run].first; i < runs[run].second; ++i) {
      tokens += static_cast<int64_t>(items[i].target.size());
    }
  }
  return ForEach(reader.base().placement.device, runs.size(), [&](size_t run) -> absl::Status {
    const auto [first, last] = runs[run];
    const PackedBatch packed = Pack(
        {items.begin() + static_cast<int64_t>(first), items.begin() + static_cast<int64_t>(last)});
    IMPRINT_ASSIGN_OR_RETURN(const at::Tensor hidden,
                             reader.Forward(adapter, packed.tokens, packed.segments));
    const at::Tensor rows = at::tensor(packed.target_rows, at::kLong).to(hidden.device());
    for (int64_t begin = 0; begin < rows.size(0); begin += kLogitRows) {
      const int64_t count = std::min(kLogitRows, rows.size(0) - begin);
      const at::Tensor logits = model::Network::Logits(
          reader.base(), hidden.index_select(0, rows.narrow(0, begin, count)));
      take(begins[run] + begin, at::log_softmax(logits, 1));
    }
    return absl::OkStatus();
  });
}

// What the student says to all questions. Those that are written side by side depend on how many
// there are, not on how many threads compute.
absl::StatusOr<Answers> Write(const Reader& reader, const model::Adapter& student,
                              const std::vector<StudentQuestion>& questions,
                              const StudentAnswersOptions& options, uint64_t seed) {
  Answers answers(questions.size());
  const size_t groups = std::max((questions.size() + kWrittenAtOnce - 1) / kWrittenAtOnce,
                                 std::min(kWritingThreads, questions.size() / kLeastWrittenAtOnce));
  IMPRINT_RETURN_IF_ERROR(
      ForEach(reader.base().placement.device, groups, [&](size_t group) -> absl::Status {
        const size_t first = group * questions.size() / groups;
        const size_t end = (group + 1) * questions.size() / groups;
        Answers prompts;
        for (size_t i = first; i < end; ++i) {
          prompts.emplace_back(questions[i].student_prompt.begin(),
                               questions[i].student_prompt.end());
        }
        IMPRINT_ASSIGN_OR_RETURN(Answers written,
                                 WriteTogether(reader, student, prompts, options, seed + first));
        std::move(written.begin(), written.end(), answers.begin() + static_cast<int64_t>(first));
        return absl::OkStatus();
      }));
  return answers;
}

}  // namespace

absl::StatusOr<std::vector<store::TargetRecord>> AskStudent(
    const model::Weights& base, const model::Adapter& student,
    const std::vector<StudentQuestion>& questions, const StudentAnswersOptions& options,
    uint64_t seed, engine::ComputeShare* share, const std::function<bool()>& cancelled) {
  if (questions.empty()) return std::vector<store::TargetRecord>();
  const Reader reader(base, share, cancelled);
  IMPRINT_ASSIGN_OR_RETURN(const Answers answers, Write(reader, student, questions, options, seed));
  // Those of one context after one another, so that it is read once for many.
  std::vector<size_t> order(questions.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&questions](size_t left, size_t right) {
    const absl::Span<const int32_t> a = questions[left].teacher_prompt;
    const absl::Span<const int32_t> b = questions[right].teacher_prompt;
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
  });
  std::vector<PackItem> to_teacher, to_student;
  for (const size_t i : order) {
    to_teacher.push_back({questions[i].teacher_prompt, answers[i]});
    to_student.push_back({questions[i].student_prompt, answers[i]});
  }

  // Of all answers' tokens, one after another.
  int64_t tokens = 0;
  for (const std::vector<int32_t>& answer : answers) tokens += static_cast<int64_t>(answer.size());
  const int64_t k_or_less = std::min<int64_t>(options.top_k, base.config.vocab_size);
  const at::Tensor ids_TK = at::empty({tokens, k_or_less}, at::kLong);
  const at::Tensor teacher_TK = at::empty({tokens, k_or_less}, at::kFloat);
  const at::Tensor student_TK = at::empty({tokens, k_or_less}, at::kFloat);
  IMPRINT_RETURN_IF_ERROR(
      ReadTargets(reader, nullptr, to_teacher, [&](int64_t first, const at::Tensor& log_probs) {
        const auto [values, indices] = log_probs.topk(k_or_less, 1);
        ids_TK.narrow(0, first, log_probs.size(0)).copy_(indices);
        teacher_TK.narrow(0, first, log_probs.size(0)).copy_(values);
      }));
  IMPRINT_RETURN_IF_ERROR(
      ReadTargets(reader, &student, to_student, [&](int64_t first, const at::Tensor& log_probs) {
        const at::Tensor named = ids_TK.narrow(0, first, log_probs.size(0));
        student_TK.narrow(0, first, log_probs.size(0))
            .copy_(log_probs.gather(1, named.to(log_probs.device())));
      }));

  std::vector<store::TargetRecord> records(questions.size());
  int64_t row = 0;
  const auto k = static_cast<size_t>(k_or_less);
  for (const size_t i : order) {
    store::TargetRecord& record = records[i];
    record.set_kind("student");
    record.mutable_student_prompt_ids()->Add(questions[i].student_prompt.begin(),
                                             questions[i].student_prompt.end());
    record.mutable_target_ids()->Add(answers[i].begin(), answers[i].end());
    store::TeacherRows rows{.k = static_cast<int>(k), .ids = {}, .log_probs = {}};
    for (size_t t = 0; t < answers[i].size(); ++t, ++row) {
      const int64_t* named = ids_TK.const_data_ptr<int64_t>() + row * static_cast<int64_t>(k);
      const float* teacher = teacher_TK.const_data_ptr<float>() + row * static_cast<int64_t>(k);
      const float* said = student_TK.const_data_ptr<float>() + row * static_cast<int64_t>(k);
      for (size_t j = 0; j < k; ++j) {
        rows.ids.push_back(static_cast<int32_t>(named[j]));
        rows.log_probs.push_back(teacher[j]);
      }
      record.add_base_kl(static_cast<float>(probe::TopKKl({teacher, k}, {said, k})));
    }
    store::PackTeacher(rows, record);
  }
  return records;
}

int64_t StudentCacheBytes(const model::Weights& base, int64_t longest_prompt,
                          int max_answer_tokens) {
  const int64_t threads = base.placement.device.is_cpu() ? at::get_num_threads() : 1;
  return threads * static_cast<int64_t>(kWrittenAtOnce) * (longest_prompt + max_answer_tokens) *
         model::KvCache::BytesPerToken(base.config, base.placement);
}

}  // namespace imprint::update
