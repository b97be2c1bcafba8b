// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace imprint::client {
namespace {

constexpr double kWidth = 640, kHeight = 260;
constexpr double kLeft = 56, kRight = 12, kTop = 10, kBottom = 40;
constexpr size_t kColours = 8;

struct Extent {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void Cover(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // One value alone has no extent.
  void Widen(double by) {
    if (low < high) return;
    low -= by;
    high += by;
  }
};

// From data to the places of a figure.
class Scale {
 public:
  Scale(const Extent& x, const Extent& y) : x_(x), y_(y) {}
  double X(double value) const {
    return kLeft + (value - x_.low) / (x_.high - x_.low) * (kWidth - kLeft - kRight);
  }
  double Y(double value) const {
    return kHeight - kBottom - (value - y_.low) / (y_.high - y_.low) * (kHeight - kTop - kBottom);
  }

 private:
  const Extent x_;
  const Extent y_;
};

void DrawAxes(const PlotOptions& options, const Extent& x, const Extent& y, const Scale& scale,
              std::string& svg) {
  for (const double tick : NiceTicks(y.low, y.high, 5)) {
    if (tick < y.low - 1e-12 || tick > y.high + 1e-12) continue;
    absl::StrAppendFormat(&svg,
                          "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                          kLeft, kWidth - kRight, scale.Y(tick), scale.Y(tick));
    absl::StrAppendFormat(&svg, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%g</text>",
                          kLeft - 6, scale.Y(tick) + 4, tick);
  }
  for (const double tick : NiceTicks(x.low, x.high, 8)) {
    if (tick < x.low || tick > x.high || tick != std::floor(tick)) continue;
    absl::StrAppendFormat(&svg, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>",
                          scale.X(tick), kHeight - kBottom + 16, tick);
  }
  absl::StrAppendFormat(&svg, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>",
                        (kLeft + kWidth - kRight) / 2, kHeight - 6, Escape(options.x_label));
}

void DrawSeries(const Series& series, size_t colour, const Scale& scale, std::string& svg) {
  if (series.points.empty()) return;
  std::string points;
  for (const auto& [x, y] : series.points) {
    absl::StrAppendFormat(&points, "%.1f,%.1f ", scale.X(x), scale.Y(y));
  }
  absl::StrAppendFormat(&svg, "<polyline class=\"line c%d%s\" points=\"%s\"/>", colour % kColours,
                        series.bold ? " bold" : "", points);
  for (const auto& [x, y] : series.points) {
    absl::StrAppendFormat(&svg,
                          "<circle class=\"dot c%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%s, "
                          "%g: %.4g</title></circle>",
                          colour % kColours, scale.X(x), scale.Y(y), Escape(series.name), x, y);
  }
}

}  // namespace

std::string Escape(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::vector<double> NiceTicks(double low, double high, int count) {
  const double rough = (high - low) / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * 0.999) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  const auto first = static_cast<int64_t>(std::floor(low / step + 1e-9));
  const auto last = static_cast<int64_t>(std::ceil(high / step - 1e-9));
  for (int64_t i = first; i <= last; ++i) ticks.push_back(static_cast<double>(i) * step);
  return ticks;
}

std::string LinePlot(const PlotOptions& options, const std::vector<Series>& series) {
  std::string html = absl::StrCat("<figure><figcaption>", Escape(options.title), "</figcaption>");
  Extent x, y;
  for (const Series& one : series) {
    for (const auto& [px, py] : one.points) {
      x.Cover(px);
      y.Cover(py);
    }
  }
  if (x.low > x.high) return absl::StrCat(html, "<p class=\"none\">nothing yet</p></figure>\n");
  if (options.y_min.has_value()) y.Cover(*options.y_min);
  if (options.y_max.has_value()) y.Cover(*options.y_max);
  x.Widen(1);
  y.Widen(0.5);
  const std::vector<double> ticks = NiceTicks(y.low, y.high, 5);
  y.Cover(ticks.front());
  y.Cover(ticks.back());
  const Scale scale(x, y);

  absl::StrAppendFormat(&html, "<svg viewBox=\"0 0 %g %g\" role=\"img\">", kWidth, kHeight);
  DrawAxes(options, x, y, scale, html);
  for (size_t i = 0; i < series.size(); ++i) DrawSeries(series[i], i, scale, html);
  absl::StrAppend(&html, "</svg><p class=\"legend\">");
  for (size_t i = 0; i < series.size(); ++i) {
    absl::StrAppend(&html, "<span><i class=\"key c", i % kColours, "\"></i>",
                    Escape(series[i].name), "</span> ");
  }
  return absl::StrCat(html, "</p></figure>\n");
}

}  // namespace imprint::client
