// The numbers that answers are computed with: exact integers and rationals, and complex numbers of 50 decimal digits
// where something irrational comes in.
#pragma once
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <boost/multiprecision/cpp_int.hpp>
#include <optional>

namespace golong::plugins::math {

namespace mp = boost::multiprecision;

using Integer = mp::number<mp::cpp_int_backend<>, mp::et_off>;
using Rational = mp::number<mp::cpp_rational_backend, mp::et_off>;
using Real = mp::number<mp::cpp_bin_float<50>, mp::et_off>;

struct Complex {
  Real re = 0, im = 0;
};

// A value. Exact ones are real rationals. `floating` remembers that a decimal point was in it: 2.0 and 2 are told apart
// where the published code does, and arithmetic with such numbers rounds to doubles as it does there: 33/27. is not
// 33/27.
struct Value {
  bool exact = true;
  bool floating = false;
  Rational q = 0;  // where exact
  Complex z;       // where not exact

  Complex complex() const;
  bool is_integer() const { return exact && mp::denominator(q) == 1; }
};

Value exact_value(Rational q, bool floating = false);

// The double nearest to q, as a rational; q itself where it is out of range.
Rational as_double(const Rational& q);
// nullopt where a part is not finite.
std::optional<Value> real_value(const Real& x, bool floating = false);
std::optional<Value> complex_value(const Complex& z, bool floating = false);

std::optional<Value> add(const Value& a, const Value& b);
std::optional<Value> multiply(const Value& a, const Value& b);
// nullopt: 0 to a negative power, a result too large to hold.
std::optional<Value> power(const Value& base, const Value& exponent);

Complex operator+(const Complex& a, const Complex& b);
Complex operator-(const Complex& a, const Complex& b);
Complex operator*(const Complex& a, const Complex& b);
Complex operator/(const Complex& a, const Complex& b);
Real magnitude(const Complex& z);
Complex exponential(const Complex& z);
Complex logarithm(const Complex& z);

// Rounds to six decimals, half to even, the way a binary double of the value is rounded where it is floating.
Rational round6(const Value& value);
Rational round6(const Real& value);

// |a - b| is nothing but rounding noise of 50-digit arithmetic.
bool nearly_equal(const Complex& a, const Complex& b, const Real& relative);

}  // namespace golong::plugins::math
