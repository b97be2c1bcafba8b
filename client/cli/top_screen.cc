// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/top_screen.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/job_progress.h"
#include "client/cli/output.h"
#include "client/cli/text_width.h"

namespace imprint::client {
namespace {

constexpr size_t kRateSamples = 6;
constexpr size_t kLabel = 10;
constexpr int kBar = 10;
constexpr const char* kHeights[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

enum class Colour { kNone, kGood, kWarning, kBad, kDim };

std::string Paint(const std::string& text, Colour colour) {
  switch (colour) {
    case Colour::kGood:
      return absl::StrCat("\033[32m", text, "\033[0m");
    case Colour::kWarning:
      return absl::StrCat("\033[33m", text, "\033[0m");
    case Colour::kBad:
      return absl::StrCat("\033[31m", text, "\033[0m");
    case Colour::kDim:
      return absl::StrCat("\033[2m", text, "\033[0m");
    case Colour::kNone:
      break;
  }
  return text;
}

// Lines of a screen: cut before they are painted, since a paint has no width.
class Screen {
 public:
  Screen(size_t width, size_t height, bool colours)
      : width_(width), height_(height), colours_(colours) {}

  void Add(const std::string& line, Colour colour = Colour::kNone) {
    if (lines_ == height_) return;
    ++lines_;
    const std::string cut = Shorten(line, width_);
    absl::StrAppend(&out_, colours_ ? Paint(cut, colour) : cut, "\n");
  }
  void AddField(const std::string& label, const std::string& value, Colour colour = Colour::kNone) {
    Add(absl::StrCat(label, std::string(kLabel - label.size(), ' '), value), colour);
  }
  size_t left() const { return height_ - lines_; }
  std::string Take() && { return std::move(out_); }

 private:
  const size_t width_;
  const size_t height_;
  const bool colours_;
  size_t lines_ = 0;
  std::string out_;
};

std::string Short(absl::Duration duration) {
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(duration));
  if (seconds < 3600) return absl::StrFormat("%d:%02d", seconds / 60, seconds % 60);
  if (seconds < 48 * 3600) return absl::StrFormat("%dh%02dm", seconds / 3600, seconds / 60 % 60);
  return absl::StrFormat("%dd", seconds / 86400);
}

std::string RateText(std::optional<double> rate) {
  return rate.has_value() ? absl::StrFormat("%.0f", *rate) : "-";
}

// A bar of kBar cells in halves of which `fraction` is filled.
std::string Bar(double fraction) {
  const int halves = static_cast<int>(std::lround(std::clamp(fraction, 0.0, 1.0) * kBar * 2));
  std::string bar;
  for (int i = 0; i < kBar; ++i)
    absl::StrAppend(&bar, 2 * i + 1 < halves ? "█" : 2 * i < halves ? "▌" : "·");
  return bar;
}

void DrawHead(const TopView& view, Screen& screen) {
  const v1::GetStatusResponse& status = view.status;
  const absl::Duration up = view.time - absl::FromUnixSeconds(status.start_time().seconds());
  screen.Add(absl::StrCat("imprint top  ", view.server, "  ", status.model(), " on ",
                          status.device(), ", ", status.dtype(), "  up ", Short(up), "  ",
                          absl::FormatTime("%H:%M:%S", view.time, absl::LocalTimeZone())),
             Colour::kDim);
  if (!view.error.empty()) screen.Add(view.error, Colour::kBad);
  screen.AddField("version", absl::StrCat(status.version(), "  (live: ",
                                          absl::StrJoin(status.live_versions(), ", "), ")"));
  if (!status.updates_stopped_reason().empty()) {
    screen.AddField("updates", absl::StrCat("stand still: ", status.updates_stopped_reason()),
                    Colour::kBad);
  } else if (!status.job_awaiting_approval().empty()) {
    screen.AddField("updates",
                    absl::StrCat(status.updates_paused() ? "paused, " : "",
                                 status.job_awaiting_approval(), " awaits approval"),
                    Colour::kWarning);
  } else {
    screen.AddField("updates", status.updates_paused() ? "paused" : "on",
                    status.updates_paused() ? Colour::kWarning : Colour::kNone);
  }
}

void DrawQueue(const TopView& view, const TopHistory& history, Screen& screen) {
  const v1::GetStatusResponse& status = view.status;
  const int64_t waiting = status.oldest_waiting_age().seconds();
  screen.AddField("waiting", absl::StrCat(status.queued(), " queued, ", status.ready(), " ready, ",
                                          status.training(), " in training",
                                          waiting > 0 ? absl::StrCat(", the oldest for ",
                                                                     Short(absl::Seconds(waiting)))
                                                      : ""));
  screen.AddField("learned",
                  absl::StrCat(status.integrated(), " integrated of ", status.last_sequence(), ", ",
                               status.held(), " held, ", status.quarantined(), " quarantined, ",
                               status.forgotten(), " forgotten"),
                  status.quarantined() > 0 ? Colour::kWarning : Colour::kNone);
  screen.AddField("queries",
                  absl::StrFormat("%d running, %d waiting; %s tokens/s out, %s in",
                                  status.running_queries(), status.waiting_queries(),
                                  RateText(history.OutputRate()), RateText(history.PromptRate())));
}

void DrawJob(const TopView& view, const TopHistory& history, size_t width, Screen& screen) {
  if (view.running.name().empty()) {
    screen.AddField("job", "none runs", Colour::kDim);
    return;
  }
  const v1::JobProgress& progress = view.running.progress();
  std::string text =
      absl::StrFormat("%s %3.0f %%  %s, %s", Bar(TrainedFraction(view.running)),
                      100 * TrainedFraction(view.running), DescribeProgress(view.running),
                      FormatCount(view.running.experience_count(), "experience"));
  if (progress.time_left().seconds() > 0) {
    absl::StrAppend(&text, ", ", Short(absl::Seconds(progress.time_left().seconds())), " left");
  }
  screen.AddField("job", text);
  if (history.losses().size() < 2 || width < 40) return;
  const std::string ends = absl::StrFormat(
      "  %.2f -> %.2f nats%s, on the rest %.3f", history.losses().front(), history.losses().back(),
      history.first_step() > 1 ? absl::StrCat(" since step ", history.first_step()) : "",
      progress.retention_loss());
  const size_t columns = std::max<size_t>(8, width - kLabel - DisplayWidth(ends));
  screen.AddField("loss", absl::StrCat(Sparkline(history.losses(), columns), ends));
}

void DrawVersions(const TopView& view, size_t rows, Screen& screen) {
  if (rows < 3) return;
  screen.Add("");
  screen.Add(absl::StrFormat("%-10s %-17s %-12s %-11s %-12s %s", "VERSION", "EFFICACY",
                             "RETENTION KL", "PERPLEXITY", "EXPERIENCES", "CREATED"),
             Colour::kDim);
  for (const v1::Version& version : view.versions) {
    if (rows-- <= 2) return;
    const bool base = version.number() == 0;
    const std::string efficacy =
        version.has_efficacy()
            ? absl::StrFormat("%.2f %s", version.efficacy(), Bar(version.efficacy()))
            : absl::StrCat("-", std::string(kBar + 4, ' '));
    screen.Add(absl::StrFormat(
                   "%-10s %s   %-12s %-11s %-12d %s",
                   absl::StrCat(version.number(), version.current() ? " *" : ""), efficacy,
                   base ? "-" : absl::StrFormat("%.4f", version.retention_kl()),
                   base ? "-" : absl::StrFormat("x %.3f", version.retention_perplexity_ratio()),
                   version.experience_count(), FormatTime(version.create_time().seconds())),
               version.current() ? Colour::kGood : Colour::kNone);
  }
}

void DrawJobs(const TopView& view, Screen& screen) {
  if (screen.left() < 4 || view.jobs.empty()) return;
  screen.Add("");
  screen.Add(absl::StrFormat("%-10s %-17s %-12s %-9s %s", "JOB", "STATE", "EXPERIENCES", "STEPS",
                             "REASON"),
             Colour::kDim);
  for (const v1::Job& job : view.jobs) {
    if (screen.left() < 2) return;
    const bool good = job.state() == v1::JOB_STATE_COMMITTED;
    screen.Add(absl::StrFormat("%-10s %-17s %-12d %-9d %s", job.name(),
                               EnumName(*v1::JobState_descriptor(), job.state()),
                               job.experience_count(), job.report().steps(), job.state_reason()),
               good ? Colour::kNone : Colour::kWarning);
  }
}

}  // namespace

void TopHistory::Observe(const TopView& view) {
  samples_.push_back({view.time, view.status.prompt_tokens(), view.status.output_tokens()});
  if (samples_.size() > kRateSamples) samples_.pop_front();
  if (view.running.name() != job_) {
    job_ = view.running.name();
    step_ = -1;
    losses_.clear();
  }
  const v1::JobProgress& progress = view.running.progress();
  if (progress.step() > 0 && progress.step() != step_) {
    step_ = progress.step();
    if (losses_.empty()) first_step_ = step_;
    losses_.push_back(progress.loss());
  }
}

std::optional<double> TopHistory::Rate(int64_t Sample::* tokens) const {
  if (samples_.size() < 2) return std::nullopt;
  const double seconds = absl::ToDoubleSeconds(samples_.back().time - samples_.front().time);
  const auto grown = static_cast<double>(samples_.back().*tokens - samples_.front().*tokens);
  // A server that was started anew counts from 0 again.
  return seconds > 0 ? std::max(0.0, grown / seconds) : 0;
}

std::optional<double> TopHistory::PromptRate() const { return Rate(&Sample::prompt_tokens); }
std::optional<double> TopHistory::OutputRate() const { return Rate(&Sample::output_tokens); }

std::string Sparkline(const std::vector<double>& values, size_t columns) {
  const size_t count = std::min(values.size(), columns);
  if (count == 0) return "";
  const double highest = *std::max_element(values.begin(), values.end());
  std::string line;
  for (size_t i = 0; i < count; ++i) {
    const size_t begin = i * values.size() / count;
    const size_t end = (i + 1) * values.size() / count;
    double sum = 0;
    for (size_t j = begin; j < end; ++j) sum += values[j];
    const double share = highest > 0 ? sum / static_cast<double>(end - begin) / highest : 0;
    absl::StrAppend(&line, kHeights[std::clamp<int64_t>(std::lround(share * 7), 0, 7)]);
  }
  return line;
}

std::string DrawTop(const TopView& view, const TopHistory& history, size_t width, size_t height,
                    bool colours) {
  Screen screen(width, height, colours);
  DrawHead(view, screen);
  DrawQueue(view, history, screen);
  DrawJob(view, history, width, screen);
  // Versions first; jobs take what a tall terminal has left.
  DrawVersions(view, std::min(screen.left(), std::max<size_t>(screen.left() * 2 / 3, 8)), screen);
  DrawJobs(view, screen);
  return std::move(screen).Take();
}

}  // namespace imprint::client
