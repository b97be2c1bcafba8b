// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/report_page.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cli/learning_history.h"
#include "client/cli/output.h"
#include "client/cli/svg_plot.h"

namespace imprint::client {
namespace {

// Curves that a plot can show and a reader tell apart.
constexpr size_t kCurves = 7;
constexpr size_t kJobs = 30;

constexpr absl::string_view kStyle = R"(
:root { --ink: #1c2430; --dim: #66707d; --line: #d8dde4; --paper: #ffffff; --card: #f5f7f9;
  --c0: #2463c4; --c1: #c4501b; --c2: #23863e; --c3: #8444b5; --c4: #ad7d00; --c5: #0a8590;
  --c6: #c02b66; --c7: #5b6672; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --dim: #97a1ae; --line: #38424f;
  --paper: #12171e; --card: #1a212b; --c0: #6aa3f8; --c1: #f19063; --c2: #63c37d; --c3: #c394ec;
  --c4: #e0b548; --c5: #52c8d3; --c6: #f37ba8; --c7: #a9b4c0; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1360px; margin: 0 auto; padding: 24px; }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 17px; margin: 32px 0 10px; }
.dim, .none, figcaption small { color: var(--dim); }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 20px 0; }
.tile { background: var(--card); border-radius: 8px; padding: 10px 16px; min-width: 110px; }
.tile b { display: block; font-size: 22px; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(560px, 100%), 1fr)); gap: 20px; }
figure { margin: 0; background: var(--card); border-radius: 8px; padding: 12px; }
figcaption { font-weight: 600; margin-bottom: 6px; }
svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: var(--dim); }
.grid { stroke: var(--line); } .line { fill: none; stroke-width: 1.6; } .bold { stroke-width: 3; }
.legend { margin: 4px 0 0; font-size: 13px; } .legend span { margin-right: 12px; }
.key { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 4px; }
.bar { display: flex; height: 26px; border-radius: 6px; overflow: hidden; background: var(--card); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 6px 10px 6px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; } th { color: var(--dim); font-weight: 600; } td.n { white-space: nowrap; }
.scroll { overflow-x: auto; }
)";

std::string Colours() {
  std::string css;
  for (int i = 0; i < 8; ++i) {
    absl::StrAppend(&css, ".line.c", i, "{stroke:var(--c", i, ")} .dot.c", i, "{fill:var(--c", i,
                    ")} .key.c", i, ",.part.c", i, "{background:var(--c", i, ")}\n");
  }
  return css;
}

std::string Tile(const std::string& value, absl::string_view label) {
  return absl::StrCat("<div class=\"tile\"><b>", Escape(value), "</b><span class=\"dim\">",
                      Escape(label), "</span></div>\n");
}

std::string Tiles(const ReportData& data) {
  const v1::GetStatusResponse& status = data.status;
  const auto current = std::find_if(data.versions.begin(), data.versions.end(),
                                    [](const v1::Version& version) { return version.current(); });
  const bool learned = current != data.versions.end() && current->number() > 0;
  return absl::StrCat(
      "<div class=\"tiles\">\n", Tile(absl::StrCat(status.version()), "version now"),
      Tile(absl::StrCat(status.integrated()), "experiences in the weights"),
      Tile(absl::StrCat(status.queued() + status.ready() + status.training()), "waiting"),
      Tile(absl::StrCat(status.held() + status.quarantined()), "held or quarantined"),
      Tile(learned ? FormatOptional(current->has_efficacy(), current->efficacy()) : "-",
           "efficacy of the last publish"),
      Tile(learned ? absl::StrFormat("%.4f", current->retention_kl()) : "-",
           "retention KL, nats per token"),
      Tile(learned ? absl::StrFormat("x %.3f", current->retention_perplexity_ratio()) : "-",
           "perplexity on other text"),
      "</div>\n");
}

std::string LearningPlot(const ReportData& data) {
  Series efficacy{.name = "new experiences", .points = {}, .bold = true};
  Series earlier{.name = "sampled earlier ones", .points = {}, .bold = false};
  for (auto job = data.jobs.rbegin(); job != data.jobs.rend(); ++job) {
    if (job->state() != v1::JOB_STATE_COMMITTED) continue;
    const auto x = static_cast<double>(job->version());
    if (job->report().has_efficacy()) efficacy.points.emplace_back(x, job->report().efficacy());
    if (job->report().has_earlier_efficacy()) {
      earlier.points.emplace_back(x, job->report().earlier_efficacy());
    }
  }
  return LinePlot({.title = "Efficacy of each publish (0: learned nothing, 1: as with the text in "
                            "the prompt)",
                   .x_label = "version",
                   .y_min = 0,
                   .y_max = 1},
                  {efficacy, earlier});
}

std::string RetentionPlot(const ReportData& data) {
  Series retention{.name = "KL from the base model", .points = {}, .bold = true};
  for (auto version = data.versions.rbegin(); version != data.versions.rend(); ++version) {
    retention.points.emplace_back(static_cast<double>(version->number()), version->retention_kl());
  }
  return LinePlot({.title = "Retention: KL on unrelated text, nats per token (0: unchanged)",
                   .x_label = "version",
                   .y_min = 0,
                   .y_max = {}},
                  {retention});
}

std::string ForgettingPlot(const ReportData& data) {
  std::vector<std::pair<int64_t, Series>> curves;
  for (const auto& [name, points] : HistoryOf(data.jobs)) {
    if (points.size() < 2) continue;
    Series series{.name = name, .points = {}, .bold = false};
    for (const MeasuredEfficacy& point : points) {
      series.points.emplace_back(static_cast<double>(point.version), point.efficacy);
    }
    curves.emplace_back(points.front().version, std::move(series));
  }
  // The earliest learned: they had the most time to be forgotten.
  std::stable_sort(curves.begin(), curves.end(),
                   [](const auto& left, const auto& right) { return left.first < right.first; });
  if (curves.size() > kCurves) curves.resize(kCurves);
  std::vector<Series> series;
  for (auto& [version, one] : curves) series.push_back(std::move(one));
  return LinePlot({.title = "Forgetting: the earliest experiences wherever they were asked again",
                   .x_label = "version",
                   .y_min = 0,
                   .y_max = 1},
                  series);
}

// Seconds of each phase, of the newest jobs.
std::string PhasePlot(const ReportData& data) {
  std::vector<Series> series;
  for (const char* phase : {"train", "gate", "publish", "plan"}) {
    Series one{.name = phase, .points = {}, .bold = false};
    for (auto job = data.jobs.rbegin(); job != data.jobs.rend(); ++job) {
      const auto found = job->report().phase_seconds().find(phase);
      if (job->state() != v1::JOB_STATE_COMMITTED || found == job->report().phase_seconds().end()) {
        continue;
      }
      one.points.emplace_back(static_cast<double>(job->version()), found->second);
    }
    series.push_back(std::move(one));
  }
  return LinePlot(
      {.title = "Seconds of each phase of a job", .x_label = "version", .y_min = 0, .y_max = {}},
      series);
}

// A bar of counts, and what each colour is.
std::string CountBar(absl::string_view title,
                     const std::vector<std::pair<const char*, int64_t>>& parts) {
  std::string bar = "<div class=\"bar\">", legend = "<p class=\"legend\">";
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto& [name, count] = parts[i];
    if (count > 0) {
      absl::StrAppend(&bar, "<div class=\"part c", i, "\" style=\"flex:", count, "\" title=\"",
                      name, ": ", count, "\"></div>");
    }
    absl::StrAppend(&legend, "<span><i class=\"key c", i, "\"></i>", count, " ", name, "</span> ");
  }
  return absl::StrCat("<p class=\"dim\">", Escape(title), "</p>", bar, "</div>", legend, "</p>\n");
}

// What is on its way by itself: beside all that was learned it would be a sliver.
std::string Queue(const v1::GetStatusResponse& status) {
  const int64_t waiting = status.queued() + status.ready() + status.training();
  std::string html = waiting == 0
                         ? "<p class=\"none\">nothing waits</p>\n"
                         : CountBar(absl::StrCat("on their way into the weights: the oldest for ",
                                                 absl::FormatDuration(absl::Seconds(
                                                     status.oldest_waiting_age().seconds()))),
                                    {{"queued", status.queued()},
                                     {"ready", status.ready()},
                                     {"in training", status.training()}});
  return absl::StrCat(html, CountBar("all that was told", {{"waiting", waiting},
                                                           {"integrated", status.integrated()},
                                                           {"held", status.held()},
                                                           {"quarantined", status.quarantined()},
                                                           {"forgotten", status.forgotten()}}));
}

std::string Cell(absl::string_view text, bool narrow = false) {
  return absl::StrCat(narrow ? "<td class=\"n\">" : "<td>", Escape(text), "</td>");
}

std::string Head(const std::vector<const char*>& titles) {
  return absl::StrCat("<div class=\"scroll\"><table><tr><th>", absl::StrJoin(titles, "</th><th>"),
                      "</th></tr>\n");
}

std::string Answers(const ReportData& data) {
  if (data.answers.empty()) return "<p class=\"none\">no probe was asked</p>\n";
  std::string html =
      Head({"question", "base model", "now", "with the text in the prompt", "efficacy"});
  for (const ProbeChange& change : data.answers) {
    const v1::Probe& probe = change.after.probe();
    absl::StrAppend(
        &html, "<tr>", Cell(probe.question()), Cell(change.before.answer()),
        Cell(change.after.answer()), Cell(probe.teacher_answer()),
        Cell(FormatOptional(change.after.has_efficacy(), change.after.efficacy()), true),
        "</tr>\n");
  }
  return absl::StrCat(html, "</table></div>\n");
}

std::string Jobs(const ReportData& data) {
  if (data.jobs.empty()) return "<p class=\"none\">no job yet</p>\n";
  std::string html = Head({"job", "state", "version", "experiences", "steps", "efficacy",
                           "retention KL", "created", "reason"});
  for (size_t i = 0; i < std::min(kJobs, data.jobs.size()); ++i) {
    const v1::Job& job = data.jobs[i];
    const bool measured = job.report().steps() > 0;
    absl::StrAppend(
        &html, "<tr>", Cell(job.name(), true),
        Cell(EnumName(*v1::JobState_descriptor(), job.state()), true),
        Cell(job.version() > 0 ? absl::StrCat(job.version()) : "-", true),
        Cell(absl::StrCat(job.experience_count()), true),
        Cell(absl::StrCat(job.report().steps()), true),
        Cell(FormatOptional(job.report().has_efficacy(), job.report().efficacy()), true),
        Cell(FormatOptional(measured, job.report().retention_kl(), 4), true),
        Cell(FormatTime(job.create_time().seconds()), true), Cell(job.state_reason()), "</tr>\n");
  }
  return absl::StrCat(html, "</table></div>\n");
}

}  // namespace

std::string MakeReportPage(const ReportData& data) {
  const v1::GetStatusResponse& status = data.status;
  return absl::StrCat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>Imprint report</title>\n<style>",
      kStyle, Colours(), "</style></head><body>\n<h1>What ", Escape(status.model()),
      " has learned</h1>\n<div class=\"dim\">", Escape(data.server), ", imprintd ",
      Escape(status.server_version()), " on ", Escape(status.device()), ", ",
      Escape(status.dtype()), "; ", FormatTime(absl::ToUnixSeconds(data.time)), "</div>\n",
      Tiles(data), "<div class=\"plots\">\n", LearningPlot(data), RetentionPlot(data),
      ForgettingPlot(data), PhasePlot(data), "</div>\n<h2>Experiences</h2>\n", Queue(status),
      "<h2>Answers to probes, which were never trained on</h2>\n", Answers(data), "<h2>Jobs</h2>\n",
      Jobs(data), "</body></html>\n");
}

}  // namespace imprint::client
