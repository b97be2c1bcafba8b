// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Line plots as SVG, for a page that needs nothing but itself.

#ifndef IMPRINT_CLIENT_CLI_SVG_PLOT_H_
#define IMPRINT_CLIENT_CLI_SVG_PLOT_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace imprint::client {

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  // by x, ascending
  bool bold = false;
};

struct PlotOptions {
  std::string title;
  std::string x_label;
  // Absent: from the points.
  std::optional<double> y_min;
  std::optional<double> y_max;
};

// `text` where HTML or SVG would take some of its characters for markup.
std::string Escape(absl::string_view text);

// Round values, about `count` of them, that cover [low, high].
std::vector<double> NiceTicks(double low, double high, int count);

// A figure with its title, the plot and a legend; x are whole numbers. Without any point it
// says so instead. Colours are classes c0 to c7 of the page's style.
std::string LinePlot(const PlotOptions& options, const std::vector<Series>& series);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_SVG_PLOT_H_
