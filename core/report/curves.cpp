#include "core/report/curves.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <sstream>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/report/markup.h"
#include "core/report/run_data.h"

namespace golong {

namespace {

// Colours follow the reader's light or dark setting, the card's background with them.
constexpr const char* style = R"(<style>
.page { fill: #ffffff; stroke: #e6e3dc } .grid { stroke: #eeece6 } text { font-family: system-ui, -apple-system, "Segoe UI",
Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; fill: #6b6e76; font-size: 12px } .title { fill: #1d1f23; font-size: 17px;
font-weight: 650 } .head { fill: #1d1f23; font-size: 13px; font-weight: 600 } .line { fill: none; stroke-linejoin: round;
stroke-linecap: round } .c0 { stroke: #2f5fd0 } .c1 { stroke: #d4691e } .c2 { stroke: #23895a } .c3 { stroke: #9a3f8c }
.f0 { fill: #2f5fd0 } .f1 { fill: #d4691e } .f2 { fill: #23895a } .f3 { fill: #9a3f8c }
@media (prefers-color-scheme: dark) { .page { fill: #191c21; stroke: #2b2f36 } .grid { stroke: #2a2e35 } text { fill: #a0a4ad }
.title, .head { fill: #e9e8e5 } .c0 { stroke: #82a8ff } .c1 { stroke: #ff9f5a } .c2 { stroke: #5fcf9a } .c3 { stroke: #dd93d0 }
.f0 { fill: #82a8ff } .f1 { fill: #ff9f5a } .f2 { fill: #5fcf9a } .f3 { fill: #dd93d0 } }
</style>
)";
constexpr size_t colours = 4;

using Points = std::vector<std::pair<double, double>>;  // step, value; steps rise, values are finite

// One metric over the runs of one name.
struct Curve {
  size_t colour = 0;
  std::vector<Points> runs;
  Points mean;  // of the runs at each step, smoothed
};

// Mean over neighbours, weighted by a bell of `width` steps.
Points smoothed(const Points& points, double width) {
  Points out;
  for (const auto& [at, unused] : points) {
    double sum = 0;
    double weights = 0;
    for (const auto& [step, value] : points) {
      const double distance = (step - at) / width;
      if (std::abs(distance) > 3) continue;
      const double weight = std::exp(-0.5 * distance * distance);
      sum += weight * value;
      weights += weight;
    }
    out.emplace_back(at, sum / weights);
  }
  return out;
}

// The runs by name, in the order in which names first occur.
struct NamedRuns {
  std::string name;
  std::vector<const RunData*> runs;
};

Points points_of(const RunData& run, const std::string& metric) {
  Points points;
  for (const MetricsRow& row : run.metrics) {
    const auto found = row.values.find(metric);
    if (found != row.values.end() && std::isfinite(found->second)) {
      points.emplace_back(static_cast<double>(row.step), found->second);
    }
  }
  return points;
}

std::vector<Curve> curves_of(const std::vector<NamedRuns>& named, const std::string& metric, double width) {
  std::vector<Curve> curves;
  for (size_t i = 0; i < named.size(); ++i) {
    Curve curve{i % colours, {}, {}};
    std::map<double, std::pair<double, int>> sums;
    for (const RunData* run : named[i].runs) {
      Points points = points_of(*run, metric);
      for (const auto& [step, value] : points) {
        sums[step].first += value;
        sums[step].second += 1;
      }
      curve.runs.push_back(named[i].runs.size() > 1 ? smoothed(points, width) : std::move(points));
    }
    Points mean;
    for (const auto& [step, sum] : sums) mean.emplace_back(step, sum.first / sum.second);
    curve.mean = smoothed(mean, width);
    if (!curve.mean.empty()) curves.push_back(std::move(curve));
  }
  return curves;
}

// A multiple of 1, 2 or 5 times a power of ten that cuts `span` into about `pieces`.
double tick_step(double span, int pieces) {
  const double raw = span / pieces;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (double step : {1.0, 2.0, 5.0}) {
    if (step * power >= raw * 0.999) return step * power;
  }
  return 10 * power;
}

struct Frame {
  double left, top, width, height;  // of the plot's inside
  double first, last, low, high;    // of steps and values
  double x(double step) const { return left + (step - first) / std::max(last - first, 1.0) * width; }
  double y(double value) const { return top + (high - value) / (high - low) * height; }
};

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text.setf(std::ios::fixed);
  text.precision(digits);
  text << (std::abs(value) < 1e-12 ? 0.0 : value);  // no "-0"
  return text.str();
}

void draw_axes(std::ostream& svg, const Frame& frame, int rows, int columns) {
  const double step = tick_step(frame.high - frame.low, rows);
  const int digits = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  const auto lowest = static_cast<int64_t>(std::ceil(frame.low / step - 1e-9));
  const auto highest = static_cast<int64_t>(std::floor(frame.high / step + 1e-9));
  for (int64_t i = lowest; i <= highest; ++i) {
    const double value = static_cast<double>(i) * step;
    const std::string y = fixed(frame.y(value), 1);
    svg << "<line class=\"grid\" x1=\"" << fixed(frame.left, 1) << "\" x2=\"" << fixed(frame.left + frame.width, 1)
        << "\" y1=\"" << y << "\" y2=\"" << y << "\"/><text text-anchor=\"end\" x=\"" << fixed(frame.left - 7, 1)
        << "\" y=\"" << fixed(frame.y(value) + 4, 1) << "\">" << fixed(value, digits) << "</text>\n";
  }
  const auto every = static_cast<int64_t>(std::max(1.0, tick_step(std::max(frame.last - frame.first, 1.0), columns)));
  const auto last = static_cast<int64_t>(frame.last);
  for (int64_t at = static_cast<int64_t>(std::ceil(frame.first / static_cast<double>(every))) * every; at <= last;
       at += every) {
    svg << "<text text-anchor=\"middle\" x=\"" << fixed(frame.x(static_cast<double>(at)), 1) << "\" y=\""
        << fixed(frame.top + frame.height + 17, 1) << "\">" << at << "</text>\n";
  }
}

void draw_path(std::ostream& svg, const Frame& frame, const Points& points, size_t colour, const char* look) {
  if (points.empty()) return;
  svg << "<path class=\"line c" << colour << "\" " << look << " d=\"";
  char command = 'M';
  for (const auto& [step, value] : points) {
    svg << command << fixed(frame.x(step), 1) << ' ' << fixed(frame.y(value), 1);
    command = 'L';
  }
  svg << "\"/>\n";
}

void draw_curves(std::ostream& svg, const Frame& frame, const std::vector<Curve>& curves, bool dots) {
  for (const Curve& curve : curves) {
    for (const Points& run : curve.runs) {
      if (curve.runs.size() > 1) {
        draw_path(svg, frame, run, curve.colour, "stroke-width=\"1\" opacity=\"0.35\"");
        continue;
      }
      const size_t every = run.size() / 400 + 1;
      if (!dots) continue;
      for (size_t i = 0; i < run.size(); i += every) {
        svg << "<circle class=\"f" << curve.colour << "\" opacity=\"0.25\" r=\"1.8\" cx=\""
            << fixed(frame.x(run[i].first), 1) << "\" cy=\"" << fixed(frame.y(run[i].second), 1) << "\"/>\n";
      }
    }
  }
  for (const Curve& curve : curves) draw_path(svg, frame, curve.mean, curve.colour, "stroke-width=\"2.2\"");
}

// Lowest and highest value that is drawn, 0 included.
std::pair<double, double> range_of(const std::vector<Curve>& curves, bool raw) {
  double low = 0;
  double high = 0;
  const auto take = [&](const Points& points) {
    for (const auto& [step, value] : points) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  };
  for (const Curve& curve : curves) {
    take(curve.mean);
    if (raw || curve.runs.size() > 1) std::for_each(curve.runs.begin(), curve.runs.end(), take);
  }
  if (high - low < 1e-9) high = low + 1;
  const double step = tick_step(high - low, 4);
  return {std::floor(low / step + 1e-9) * step, std::ceil(high / step - 1e-9) * step};
}

std::vector<NamedRuns> by_name(const std::vector<RunData>& runs, const std::vector<std::string>& names) {
  std::vector<NamedRuns> named;
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::string& name = names.empty() ? runs[i].info.name : names[i];
    auto found = std::find_if(named.begin(), named.end(), [&](const NamedRuns& other) { return other.name == name; });
    if (found == named.end()) found = named.insert(named.end(), {name, {}});
    found->runs.push_back(&runs[i]);
  }
  return named;
}

void draw_legend(std::ostream& svg, const std::vector<NamedRuns>& named, double x, double y) {
  if (named.size() < 2 && named[0].runs.size() < 2) return;
  for (size_t i = 0; i < named.size(); ++i) {
    std::string label = named[i].name;
    if (named[i].runs.size() > 1) label += ", mean of " + std::to_string(named[i].runs.size()) + " seeds";
    svg << "<rect class=\"f" << i % colours << "\" x=\"" << fixed(x, 1) << "\" y=\"" << fixed(y - 10, 1)
        << "\" width=\"12\" height=\"12\" rx=\"3\"/><text x=\"" << fixed(x + 18, 1) << "\" y=\"" << fixed(y, 1) << "\">"
        << escape_markup(label) << "</text>\n";
    x += 48 + 6.8 * static_cast<double>(label.size());
  }
}

std::string words(std::string text) {
  std::replace(text.begin(), text.end(), '_', ' ');
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

// Tasks of any of the runs, with the name of their metric: of all that was generated, else of what was trained on.
std::vector<std::pair<std::string, std::string>> task_metrics_of(const std::vector<RunData>& runs) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const RunData& run : runs) {
    for (const std::string& task : run.tasks) {
      const auto known = [&](const auto& other) { return other.first == task; };
      if (std::any_of(found.begin(), found.end(), known)) continue;
      const std::string generated = "reward/task/" + task;
      found.emplace_back(task, points_of(run, generated).empty() ? "task_metrics/" + task + "/mean_reward" : generated);
    }
  }
  return found;
}

}  // namespace

void write_curves_svg(const std::filesystem::path& out, const std::vector<std::filesystem::path>& run_directories,
                      const CurvesOptions& options) {
  if (run_directories.empty()) fail("curves need at least one run folder");
  if (!options.names.empty() && options.names.size() != run_directories.size()) {
    fail("curves of ", run_directories.size(), " runs need as many names, not ", options.names.size());
  }
  std::vector<RunData> runs;
  runs.reserve(run_directories.size());
  for (const auto& directory : run_directories) runs.push_back(read_run(directory));
  double first = std::numeric_limits<double>::infinity();
  double last = 0;
  for (const RunData& run : runs) {
    if (run.metrics.empty()) continue;
    first = std::min(first, static_cast<double>(run.metrics.front().step));
    last = std::max(last, static_cast<double>(run.metrics.back().step));
  }
  if (first > last) fail(run_directories[0].string(), ": metrics.jsonl holds no step yet");
  const std::vector<NamedRuns> named = by_name(runs, options.names);
  const double bell = std::max((last - first) * 0.035, 0.5);

  const double width = options.width;
  const auto tasks = options.tasks ? task_metrics_of(runs) : std::vector<std::pair<std::string, std::string>>{};
  constexpr double row = 148;
  const double head = 330;
  const double height = head + row * std::ceil(static_cast<double>(tasks.size()) / 3.0) + (tasks.empty() ? 0 : 10);
  std::ostringstream svg;
  svg << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << width << ' ' << height << "\" width=\"" << width
      << "\" height=\"" << height << "\" role=\"img\">\n<title>" << escape_markup(options.title) << "</title>\n"
      << style << "<rect class=\"page\" x=\"0.5\" y=\"0.5\" width=\"" << width - 1 << "\" height=\"" << height - 1
      << "\" rx=\"12\"/>\n<text class=\"title\" x=\"24\" y=\"36\">" << escape_markup(options.title) << "</text>\n";
  draw_legend(svg, named, 24, 60);
  const std::vector<Curve> overall = curves_of(named, "reward/mean", bell);
  const auto [low, high] = range_of(overall, true);
  const Frame large{58, 80, width - 58 - 24, head - 80 - 44, first, last, low, high};
  draw_axes(svg, large, 5, 10);
  draw_curves(svg, large, overall, true);

  std::vector<std::vector<Curve>> by_task;
  double task_low = 0;
  double task_high = 0;
  for (const auto& [task, metric] : tasks) {
    by_task.push_back(curves_of(named, metric, bell));
    const auto [task_from, task_to] = range_of(by_task.back(), false);
    task_low = std::min(task_low, task_from);
    task_high = std::max(task_high, task_to);
  }
  task_high = std::max(task_high, 1e-9);
  const double task_step = tick_step(task_high - task_low, 2);
  task_low = std::floor(task_low / task_step + 1e-9) * task_step;
  task_high = std::ceil(task_high / task_step - 1e-9) * task_step;
  const double column = (width - 24) / 3;
  for (size_t i = 0; i < tasks.size(); ++i) {
    const double x = static_cast<double>(i % 3) * column;
    const double y = head + row * static_cast<double>(i / 3);  // NOLINT(bugprone-integer-division): the row's number
    svg << "<text class=\"head\" x=\"" << fixed(x + 24, 1) << "\" y=\"" << fixed(y + 14, 1) << "\">"
        << escape_markup(words(tasks[i].first)) << "</text>\n";
    const Frame small{x + 58, y + 26, column - 58, row - 60, first, last, task_low, task_high};
    draw_axes(svg, small, 2, 4);
    draw_curves(svg, small, by_task[i], false);
  }
  svg << "</svg>\n";
  write_file_atomic(out, svg.str());
}

}  // namespace golong
