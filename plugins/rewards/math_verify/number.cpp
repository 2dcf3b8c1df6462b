#include "plugins/rewards/math_verify/number.h"

#include <cmath>

namespace golong::plugins::math {
namespace {

constexpr unsigned kMaxBits = 200'000;  // of an exact power: 60,000 digits

unsigned bits(const Integer& n) { return n == 0 ? 0 : mp::msb(mp::abs(n)) + 1; }

bool finite(const Real& x) { return (mp::isfinite)(x); }

// base^n for n >= 0, nullopt where it would not fit.
std::optional<Integer> integer_power(const Integer& base, const Integer& n) {
  if (base == 0 || base == 1) return n == 0 ? Integer(1) : base;
  if (base == -1) return n % 2 == 0 ? Integer(1) : Integer(-1);
  if (n > kMaxBits || bits(base) * n > kMaxBits) return std::nullopt;
  return mp::pow(base, n.convert_to<unsigned>());
}

// The k-th root of n >= 0 where it is an integer.
std::optional<Integer> exact_root(const Integer& n, unsigned k) {
  if (n <= 1 || k == 1) return n;
  if (k > bits(n)) return std::nullopt;
  Integer low = 1, high = Integer(1) << (bits(n) / k + 1);
  while (low < high) {
    Integer middle = (low + high + 1) / 2;
    if (mp::pow(middle, k) <= n) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  if (mp::pow(low, k) != n) return std::nullopt;
  return low;
}

std::optional<Value> exact_power(const Rational& base, const Rational& exponent, bool floating) {
  Integer p = mp::numerator(exponent), q = mp::denominator(exponent);
  Integer num = mp::numerator(base), den = mp::denominator(base);
  if (q != 1) {
    if (base < 0 || q > 64) return std::nullopt;
    auto k = q.convert_to<unsigned>();
    std::optional<Integer> a = exact_root(num, k), b = exact_root(den, k);
    if (!a || !b) return std::nullopt;
    num = *a;
    den = *b;
  }
  if (p < 0) {
    std::swap(num, den);
    p = -p;
    if (den < 0) {
      num = -num;
      den = -den;
    }
  }
  std::optional<Integer> a = integer_power(num, p), b = integer_power(den, p);
  if (!a || !b || *b == 0) return std::nullopt;
  return exact_value(Rational(*a, *b), floating);
}

Integer round_half_even(const Rational& x) {
  Integer num = mp::numerator(x), den = mp::denominator(x), quotient, remainder;
  mp::divide_qr(mp::abs(num), den, quotient, remainder);
  Integer twice = remainder * 2;
  if (twice > den || (twice == den && quotient % 2 != 0)) ++quotient;
  return num < 0 ? -quotient : quotient;
}

// As SymPy rounds a float: to its 15 digits first, so that what looks like a tie is one, then half to even.
Rational round6_of_float(const Rational& x) {
  if (x == 0) return 0;
  auto power = [](int digits) { return Rational(mp::pow(Integer(10), static_cast<unsigned>(std::abs(digits)))); };
  auto shifted = [&](const Rational& y, int digits) -> Rational {
    return digits < 0 ? Rational(y / power(digits)) : Rational(y * power(digits));
  };
  const Rational size = x < 0 ? Rational(-x) : x;
  const double logarithm = std::log10(size.convert_to<double>());
  if (!std::isfinite(logarithm)) return Rational(round_half_even(x * 1'000'000), 1'000'000);  // no double has it
  int magnitude = static_cast<int>(std::floor(logarithm)) + 1;                                // digits before the point
  if (shifted(size, -magnitude) >= 1) ++magnitude;  // the logarithm is rounded, too
  const int shift = 15 - magnitude;
  const Rational digits = round_half_even(shifted(x, shift));
  if (shift <= 6) return shifted(digits, -shift);
  return shifted(round_half_even(shifted(digits, 6 - shift)), -6);
}

}  // namespace

Complex Value::complex() const {
  if (!exact) return z;
  return {Real(mp::numerator(q)) / Real(mp::denominator(q)), 0};
}

Value exact_value(Rational q, bool floating) {
  Value value;
  value.q = std::move(q);
  value.floating = floating;
  return value;
}

Rational as_double(const Rational& q) {
  double d = q.convert_to<double>();
  bool in_range = std::isfinite(d) && (std::abs(d) > 1e-300 || q == 0);
  return in_range ? Rational(d) : q;
}

std::optional<Value> real_value(const Real& x, bool floating) { return complex_value({x, 0}, floating); }

std::optional<Value> complex_value(const Complex& z, bool floating) {
  if (!finite(z.re) || !finite(z.im)) return std::nullopt;
  Value value;
  value.exact = false;
  value.floating = floating;
  value.z = z;
  return value;
}

std::optional<Value> add(const Value& a, const Value& b) {
  bool floating = a.floating || b.floating;
  if (a.exact && b.exact) {
    return floating ? exact_value(as_double(as_double(a.q) + as_double(b.q)), true) : exact_value(a.q + b.q);
  }
  return complex_value(a.complex() + b.complex(), floating);
}

std::optional<Value> multiply(const Value& a, const Value& b) {
  bool floating = a.floating || b.floating;
  if (a.exact && b.exact) {
    if (bits(mp::numerator(a.q)) + bits(mp::numerator(b.q)) > kMaxBits) return std::nullopt;
    return floating ? exact_value(as_double(as_double(a.q) * as_double(b.q)), true) : exact_value(a.q * b.q);
  }
  return complex_value(a.complex() * b.complex(), floating);
}

std::optional<Value> power(const Value& base, const Value& exponent) {
  bool floating = base.floating || exponent.floating;
  if (exponent.exact && exponent.q == 0) return exact_value(1, floating);
  if (base.exact && exponent.exact) {
    if (base.q == 0) return exponent.q < 0 ? std::nullopt : std::optional(exact_value(0, floating));
    if (auto exact = exact_power(base.q, exponent.q, floating)) {
      if (floating) exact->q = as_double(exact->q);
      return exact;
    }
  }
  Complex b = base.complex(), e = exponent.complex();
  if (b.re == 0 && b.im == 0) return std::nullopt;
  if (b.im == 0 && e.im == 0 && b.re > 0) return real_value(mp::pow(b.re, e.re), floating);
  return complex_value(exponential(e * logarithm(b)), floating);
}

Complex operator+(const Complex& a, const Complex& b) { return {a.re + b.re, a.im + b.im}; }
Complex operator-(const Complex& a, const Complex& b) { return {a.re - b.re, a.im - b.im}; }
Complex operator*(const Complex& a, const Complex& b) {
  if (a.im == 0 && b.im == 0) return {a.re * b.re, 0};
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
Complex operator/(const Complex& a, const Complex& b) {
  if (a.im == 0 && b.im == 0) return {a.re / b.re, 0};
  Real norm = b.re * b.re + b.im * b.im;
  return {(a.re * b.re + a.im * b.im) / norm, (a.im * b.re - a.re * b.im) / norm};
}

Real magnitude(const Complex& z) {
  if (z.im == 0) return mp::abs(z.re);
  return mp::sqrt(z.re * z.re + z.im * z.im);
}

Complex exponential(const Complex& z) {
  Real scale = mp::exp(z.re);
  if (z.im == 0) return {scale, 0};
  return {scale * mp::cos(z.im), scale * mp::sin(z.im)};
}

Complex logarithm(const Complex& z) {
  Real length = magnitude(z);
  Real angle = z.im == 0 && z.re > 0 ? Real(0) : Real(mp::atan2(z.im, z.re));
  return {mp::log(length), angle};
}

Rational round6(const Value& value) {
  if (!value.exact) return round6(value.z.re);
  if (!value.floating) return Rational(round_half_even(value.q * 1'000'000), 1'000'000);
  return round6_of_float(as_double(value.q));
}

Rational round6(const Real& value) {
  Real scaled = mp::round(value * 1'000'000);
  return Rational(scaled.convert_to<Integer>(), 1'000'000);
}

bool nearly_equal(const Complex& a, const Complex& b, const Real& relative) {
  Real scale = magnitude(a) + magnitude(b);
  return magnitude(a - b) <= relative * (scale > 1 ? scale : Real(1));
}

}  // namespace golong::plugins::math
