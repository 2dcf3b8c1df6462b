#include "plugins/rewards/math_verify/evaluate.h"

#include <boost/math/constants/constants.hpp>

#include <algorithm>

namespace golong::plugins::math {
namespace {

const Real& pi() {
  static const Real value = boost::math::constants::pi<Real>();
  return value;
}

struct BudgetUsed {};

// The value as an integer that fits, where it is one.
std::optional<long> small_integer(const Value& v) {
  if (!v.is_integer() || mp::abs(v.q) > 1'000'000'000) return std::nullopt;
  return mp::numerator(v.q).convert_to<long>();
}

// Results that are an integer but for rounding noise are that integer: log(8)/log(2) is 3.
std::optional<Value> snapped(const Complex& z, bool floating) {
  std::optional<Value> value = complex_value(z, floating);
  if (!value || mp::abs(z.im) > Real("1e-44") * (1 + mp::abs(z.re)) || mp::abs(z.re) > Real("1e20")) return value;
  Real nearest = mp::round(z.re);
  if (mp::abs(z.re - nearest) > Real("1e-42") * (1 + mp::abs(z.re))) return real_value(z.re, floating);
  return exact_value(Rational(nearest.convert_to<Integer>()), floating);
}

Integer floor_of(const Rational& q) {
  Integer quotient, remainder;
  mp::divide_qr(mp::numerator(q), mp::denominator(q), quotient, remainder);
  return remainder < 0 ? Integer(quotient - 1) : quotient;
}

std::optional<Value> factorial(const Value& v) {
  std::optional<long> n = small_integer(v);
  if (!n || *n < 0 || *n > 3000) return std::nullopt;
  Integer product = 1;
  for (long i = 2; i <= *n; ++i) product *= i;
  return exact_value(Rational(product), v.floating);
}

std::optional<Value> binomial(const Value& a, const Value& b) {
  std::optional<long> n = small_integer(a), k = small_integer(b);
  if (!n || !k || *n < 0 || *n > 10'000) return std::nullopt;
  if (*k < 0 || *k > *n) return exact_value(0);
  Integer result = 1;
  for (long i = 1; i <= std::min(*k, *n - *k); ++i) result = result * (*n - std::min(*k, *n - *k) + i) / i;
  return exact_value(Rational(result));
}

std::optional<Value> integers_only(const std::vector<Value>& args, bool gcd) {
  Integer result = 0;
  for (const Value& v : args) {
    if (!v.is_integer()) return std::nullopt;
    Integer n = mp::abs(mp::numerator(v.q));
    if (&v == &args[0]) {
      result = n;
    } else if (gcd) {
      result = mp::gcd(result, n);
    } else {
      result = result == 0 || n == 0 ? Integer(0) : Integer(mp::lcm(result, n));
    }
  }
  return exact_value(Rational(result));
}

// Functions of one complex number, by exponentials and logarithms.
std::optional<Complex> elementary(const std::string& name, const Complex& z) {
  static const Complex one{1, 0}, i{0, 1}, two{2, 0}, two_i{0, 2};
  auto sine = [](const Complex& x) -> Complex {
    if (x.im == 0) return {mp::sin(x.re), 0};
    return (exponential(i * x) - exponential(Complex{0, 0} - i * x)) / two_i;
  };
  auto cosine = [](const Complex& x) -> Complex {
    if (x.im == 0) return {mp::cos(x.re), 0};
    return (exponential(i * x) + exponential(Complex{0, 0} - i * x)) / two;
  };
  auto root = [](const Complex& x) -> Complex {
    if (x.im == 0 && x.re >= 0) return {mp::sqrt(x.re), 0};
    return exponential(logarithm(x) / two);
  };
  auto arc_tangent = [](const Complex& x) -> Complex {
    if (x.im == 0) return {mp::atan(x.re), 0};
    return (logarithm(one - i * x) - logarithm(one + i * x)) * Complex{0, Real(0.5)};
  };
  auto arc_sine = [&](const Complex& x) -> Complex {
    if (x.im == 0 && mp::abs(x.re) <= 1) return {mp::asin(x.re), 0};
    return Complex{0, -1} * logarithm(i * x + root(one - x * x));
  };
  if (name == "sin") return sine(z);
  if (name == "cos") return cosine(z);
  if (name == "tan") return sine(z) / cosine(z);
  if (name == "cot") return cosine(z) / sine(z);
  if (name == "sec") return one / cosine(z);
  if (name == "csc") return one / sine(z);
  if (name == "asin") return arc_sine(z);
  if (name == "acos") return Complex{pi() / 2, 0} - arc_sine(z);
  if (name == "atan") return arc_tangent(z);
  if (name == "acot") return arc_tangent(one / z);
  if (name == "asec") return Complex{pi() / 2, 0} - arc_sine(one / z);
  if (name == "acsc") return arc_sine(one / z);
  Complex up = exponential(z), down = exponential(Complex{0, 0} - z);
  if (name == "sinh") return (up - down) / two;
  if (name == "cosh") return (up + down) / two;
  if (name == "tanh") return (up - down) / (up + down);
  if (name == "asinh") return logarithm(z + root(z * z + one));
  if (name == "acosh") return logarithm(z + root(z - one) * root(z + one));
  if (name == "atanh") return (logarithm(one + z) - logarithm(one - z)) / two;
  return std::nullopt;
}

// A number in (-3, 3) drawn from a name, the same for all who ask.
Real drawn(std::string_view name, unsigned point) {
  uint64_t h = 0xcbf29ce484222325ULL ^ (point * 0x9E3779B97F4A7C15ULL);
  for (unsigned char c : name) h = (h ^ c) * 0x100000001b3ULL;
  for (int round = 0; round < 2; ++round) {
    h ^= h >> 31;
    h *= 0xD6E8FEB86659FD93ULL;
  }
  h ^= h >> 29;
  return Real(static_cast<long>(h % 6'000'003) - 3'000'001) / 1'000'003;
}

// Determinant by elimination without fractions growing: values are exact or 50-digit numbers.
std::optional<Value> determinant(std::vector<Value> m, size_t n) {
  Value result = exact_value(1);
  for (size_t c = 0; c < n; ++c) {
    size_t pivot = c;
    while (pivot < n && m[pivot * n + c].exact && m[pivot * n + c].q == 0) ++pivot;
    if (pivot == n) return exact_value(0);
    if (pivot != c) {
      for (size_t k = 0; k < n; ++k) std::swap(m[pivot * n + k], m[c * n + k]);
      result = *multiply(result, exact_value(-1));
    }
    auto product = multiply(result, m[c * n + c]);
    auto inverse = power(m[c * n + c], exact_value(-1));
    if (!product || !inverse) return std::nullopt;
    result = *product;
    for (size_t r = c + 1; r < n; ++r) {
      auto factor = multiply(m[r * n + c], *inverse);
      if (!factor) return std::nullopt;
      factor = multiply(*factor, exact_value(-1));
      for (size_t k = c; factor && k < n; ++k) {
        auto term = multiply(*factor, m[c * n + k]);
        auto sum = term ? add(m[r * n + k], *term) : std::nullopt;
        if (!sum) return std::nullopt;
        m[r * n + k] = *sum;
      }
    }
  }
  return result;
}

}  // namespace

std::optional<Value> Evaluator::value(const Expr& e, const Bindings& bindings) {
  depth_ = 0;
  integrating_ = false;
  opaque_ = false;
  bindings_ = bindings;
  try {
    return evaluate(e);
  } catch (const BudgetUsed&) {
    return std::nullopt;
  }
}

std::optional<Value> Evaluator::value_at_point(const Expr& e, unsigned point) {
  depth_ = 0;
  integrating_ = false;
  opaque_ = true;
  point_ = point;
  bindings_.clear();
  try {
    return evaluate(e);
  } catch (const BudgetUsed&) {
    return std::nullopt;
  }
}

void Evaluator::step() {
  if (++steps_ > max_steps_) throw BudgetUsed{};
  if (steps_ % 256 == 0 && cancelled_ && cancelled_()) throw Interrupted{};
}

std::optional<Value> Evaluator::symbol(const Expr& e) {
  if (auto bound = bindings_.find(e->name); bound != bindings_.end()) return bound->second;
  if (!opaque_) return std::nullopt;
  Real re = drawn(e->name, point_);
  // Complex symbols have another name than real ones of the same letter.
  if (!e->real) return complex_value({re, drawn(e->name + "#", point_)});
  return real_value(re);
}

std::optional<Value> Evaluator::evaluate(const Expr& e) {
  step();
  if (depth_ > 400) throw BudgetUsed{};
  ++depth_;
  std::optional<Value> result;
  switch (e->kind) {
    case Kind::number:
      result = exact_value(e->value, e->floating);
      break;
    case Kind::constant:
      if (e->name == "pi") result = real_value(pi());
      if (e->name == "E") result = real_value(boost::math::constants::e<Real>());
      if (e->name == "I") result = complex_value({0, 1});
      break;
    case Kind::symbol:
      result = symbol(e);
      break;
    case Kind::add:
    case Kind::multiply:
      result = evaluate(e->args[0]);
      for (size_t i = 1; result && i < e->args.size(); ++i) {
        std::optional<Value> next = evaluate(e->args[i]);
        result = !next ? next : e->kind == Kind::add ? add(*result, *next) : multiply(*result, *next);
      }
      break;
    case Kind::power: {
      std::optional<Value> base = evaluate(e->args[0]);
      std::optional<Value> exponent = base ? evaluate(e->args[1]) : std::nullopt;
      if (exponent) result = power(*base, *exponent);
      break;
    }
    case Kind::function:
      result = function(e);
      break;
    default:
      break;  // sets, relations and the like have no value
  }
  --depth_;
  return result;
}

std::optional<Value> Evaluator::function(const Expr& e) {
  const std::string& name = e->name;
  if (name == "sum" || name == "product") return repeated(e);
  if (name == "integral") return integral(e);
  if (name == "limit" || name == "derivative" || name == "not") return std::nullopt;
  std::vector<Value> args;
  bool floating = false;
  if (name == "determinant") {
    const Expr& matrix = e->args[0];
    size_t n = matrix->columns;
    if (matrix->kind != Kind::matrix || n == 0 || n > 12 || matrix->args.size() != n * n) return std::nullopt;
    for (const Expr& entry : matrix->args) {
      std::optional<Value> v = evaluate(entry);
      if (!v) return std::nullopt;
      args.push_back(*v);
    }
    return determinant(std::move(args), n);
  }
  for (const Expr& arg : e->args) {
    std::optional<Value> v = evaluate(arg);
    if (!v) return std::nullopt;
    floating |= v->floating;
    args.push_back(*v);
  }
  const Value& x = args[0];
  if (name.rfind("f:", 0) == 0) {
    if (!opaque_) return std::nullopt;
    std::string key = name;
    for (const Value& v : args) key += "," + v.complex().re.str(30) + "," + v.complex().im.str(30);
    return real_value(drawn(key, point_));
  }
  if (name == "factorial") return factorial(x);
  if (name == "binomial") return binomial(x, args[1]);
  if (name == "gcd" || name == "lcm") return integers_only(args, name == "gcd");
  if (name == "abs") {
    if (x.exact) return exact_value(mp::abs(x.q), floating);
    return snapped({magnitude(x.z), 0}, floating);
  }
  if (name == "floor" || name == "ceiling") {
    if (x.exact) return exact_value(Rational(name == "floor" ? floor_of(x.q) : Integer(-floor_of(-x.q))));
    if (x.z.im != 0 || mp::abs(x.z.re) > Real("1e30")) return std::nullopt;
    Real whole = name == "floor" ? mp::floor(x.z.re) : mp::ceil(x.z.re);
    return exact_value(Rational(whole.convert_to<Integer>()));
  }
  if (name == "mod") {
    if (!x.exact || !args[1].exact || args[1].q == 0) return std::nullopt;
    return exact_value(x.q - args[1].q * Rational(floor_of(x.q / args[1].q)), floating);
  }
  if (name == "max" || name == "min") {
    size_t best = 0;
    for (size_t i = 0; i < args.size(); ++i) {
      if (args[i].complex().im != 0) return std::nullopt;
      Real difference = args[i].complex().re - args[best].complex().re;
      if (name == "max" ? difference > 0 : difference < 0) best = i;
    }
    return args[best];
  }
  if (name == "log") {
    Complex a = x.complex(), b = args[1].complex();
    if (magnitude(a) == 0 || magnitude(b) == 0) return std::nullopt;
    Complex denominator = logarithm(b);
    if (magnitude(denominator) == 0) return std::nullopt;
    return snapped(logarithm(a) / denominator, floating);
  }
  std::optional<Complex> z = elementary(name, x.complex());
  return z ? snapped(*z, floating) : std::nullopt;
}

std::optional<Value> Evaluator::repeated(const Expr& e) {
  std::optional<Value> from = evaluate(e->args[2]), to = evaluate(e->args[3]);
  if (!from || !to) return std::nullopt;
  std::optional<long> first = small_integer(*from), last = small_integer(*to);
  if (!first || !last || *last - *first > 20'000) return std::nullopt;
  bool sum = e->name == "sum";
  Value result = exact_value(sum ? 0 : 1);
  const std::string& variable = e->args[1]->name;
  auto outer = bindings_.find(variable);
  std::optional<Value> kept = outer == bindings_.end() ? std::nullopt : std::optional(outer->second);
  bool ok = true;
  for (long i = *first; ok && i <= *last; ++i) {
    bindings_[variable] = exact_value(i);
    std::optional<Value> term = evaluate(e->args[0]);
    std::optional<Value> next = !term ? term : sum ? add(result, *term) : multiply(result, *term);
    ok = next.has_value();
    if (ok) result = *next;
  }
  if (kept) {
    bindings_[variable] = *kept;
  } else {
    bindings_.erase(variable);
  }
  if (!ok) return std::nullopt;
  return result;
}

namespace {

// Tanh-sinh quadrature over [-1, 1]: exact to rounding for smooth integrands, ends included. Points from 0 up, each to
// be taken with both signs.
struct Quadrature {
  static constexpr int kSteps = 32;  // in a unit of t
  struct Point {
    Real x, weight;
  };
  std::vector<Point> points;

  Quadrature() {
    const Real smallest("1e-55"), nearest_to_the_end("1e-49");
    for (int k = 0;; ++k) {
      const Real t = Real(k) / kSteps, inner = pi() / 2 * mp::sinh(t), cosh_inner = mp::cosh(inner);
      const Real x = mp::tanh(inner), weight = pi() / 2 * mp::cosh(t) / (cosh_inner * cosh_inner);
      if (weight < smallest || 1 - x < nearest_to_the_end) break;
      points.push_back({x, weight});
    }
  }
};

}  // namespace

// An integral within another would take more steps than an evaluation has.
std::optional<Value> Evaluator::integral(const Expr& e) {
  if (e->args.size() != 4 || integrating_) return std::nullopt;
  std::optional<Value> from = evaluate(e->args[2]), to = evaluate(e->args[3]);
  if (!from || !to || from->complex().im != 0 || to->complex().im != 0) return std::nullopt;
  const Real half = (to->complex().re - from->complex().re) / 2, middle = (to->complex().re + from->complex().re) / 2;
  const std::string& variable = e->args[1]->name;
  if (bindings_.count(variable)) return std::nullopt;  // the variable of a sum around it
  auto at = [&](const Real& x) -> std::optional<Complex> {
    std::optional<Value> bound = real_value(middle + half * x);
    if (!bound) return std::nullopt;
    bindings_[variable] = *bound;
    integrating_ = true;
    std::optional<Value> v = evaluate(e->args[0]);
    integrating_ = false;
    bindings_.erase(variable);
    if (!v) return std::nullopt;
    return v->complex();
  };
  static const Quadrature quadrature;
  Complex total;
  for (const auto& [x, weight] : quadrature.points) {
    std::optional<Complex> right = at(x), left = x == 0 ? std::optional<Complex>(Complex{}) : at(-x);
    if (!right || !left) return std::nullopt;
    total = total + Complex{weight, 0} * (*right + *left);
  }
  Complex z = total * Complex{half / Quadrature::kSteps, 0};
  // Quadrature is good to about 40 digits: an integer within that is meant.
  Real nearest = mp::round(z.re);
  if (mp::abs(z.re) < Real("1e15") && mp::abs(z.re - nearest) < Real("1e-30") && mp::abs(z.im) < Real("1e-30")) {
    return exact_value(Rational(nearest.convert_to<Integer>()));
  }
  return complex_value(z);
}

}  // namespace golong::plugins::math
