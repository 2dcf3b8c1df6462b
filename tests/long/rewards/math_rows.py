"""Rows whose gold is a number or a formula. An answer is written in one of many ways from the same value as the gold, or
from another value; the row says which (`right`)."""
import math
from fractions import Fraction

from rows import chinese, english, pick, respond, row, struct

UNITS = ["km", "cm", "m", "kg", "hours", "minutes", "square feet", "m^2", "dollars", "%", "mph", "degrees", "liters", "km/h", "Hz", "kWh", "people", "g", "s", "units"]
WORDS = ["Tuesday", "blue", "east", "Corwin Zimmerli", "none", "yes", "odd", "A", "B", "circle", "Friday"]
FUNCTIONS = ["\\sin", "\\cos", "\\tan", "\\ln", "\\log", "\\arctan", "\\exp", "\\sinh"]


def grouped(n):
    return f"{n:,}"


# ------------------------------------------------------------------------------------- values and the ways to write them
# A maker gives (gold, ways to write the same, ways to write something else).

def integer(rng):
    n = pick(rng, (4, rng.randint(0, 9999)), (1, -rng.randint(1, 999)), (1, rng.randint(10**6, 10**12)), (1, rng.getrandbits(120)))
    same = [str(n), grouped(n), f"{n}.0", f"{n}.00", f"0{n}" if n >= 0 else str(n), f"x = {n}", f"{n} {rng.choice(UNITS)}", f"{n}\\text{{ {rng.choice(UNITS)}}}", f"\\text{{{n}}}", f"{n}\\ \\mathrm{{{rng.choice(UNITS)}}}",
            f"\\${n}", f"${n}", f"{2 * n}/2", f"\\frac{{{3 * n}}}{{3}}", f"{n - 7}+7", f"{n}\\,", f"{n}.", f"+{n}", f"({n})", f"\\{{{n}\\}}", f"[{n}]", f"{{{n}}}", f"\\mathbf{{{n}}}",
            f"{n:,}".replace(",", "\\,"), f"{n:,}".replace(",", "{,}"), f"{n:,}".replace(",", " "), f"{n:,}".replace(",", "\\!,"), f"{n}^\\circ", f"{n}°", f"\\approx {n}", f"n={n}", f"f(x) = {n}", f"{n}元", f"约{n}"]
    other = [str(n + 1), f"{n}.5", f"-{n}", f"{n}0", f"{n}.0000001", f"{n}\\%", f"\\frac{{{n}}}{{2}}", f"{n},{n + 1}", f"x > {n}", f"{n}x", f"{n}^2", f"\\sqrt{{{n}}}", "", f"{n - 1}.9999999"]
    return str(n) if rng.random() < .7 else pick(rng, (2, grouped(n)), (1, f"{n}.0"), (1, f"{n} {rng.choice(UNITS)}"), (1, f"${n}"), (1, f"\\${grouped(n)}"), (1, f"x={n}"), (1, f"{n}%"), (1, f"{n}元"), (1, f"({n})")), same, other


def decimal(rng):
    places = rng.randint(1, 7)
    f = round(rng.uniform(-10, 3000) * pick(rng, (3, 1), (1, .001)), places)
    text = f"{f:.{places}f}"
    exact = Fraction(text)
    same = [text, text + "0", text + "00", f"\\frac{{{exact.numerator}}}{{{exact.denominator}}}", f"{exact.numerator}/{exact.denominator}", f"{text} {rng.choice(UNITS)}", f"{text}\\text{{ {rng.choice(UNITS)}}}",
            f"x={text}", text.lstrip("0") or "0", f"{f:,.{places}f}", f"{float(exact * 100):.{places}f}\\%", f"{f * 100:.{places}f}%", f"{f:.{places}e}", f"{f / 1000:.{places + 3}f} \\times 10^3", f"{f/10:.{places+1}f}\\cdot 10", f"\\${text}", f"{text}0001", text.replace(".", ","),
            f"\\text{{{text}}}", f"\\approx {text}", f"{text}\\%", f"{text} percent"]
    other = [f"{f + 10 ** -places:.{places}f}", f"{f:.{max(0, places - 1)}f}", f"{f + 1:.{places}f}", f"{int(f)}", f"{text}1", f"-{text}", f"{f * 10:.{places}f}", f"{f + 1e-6:.8f}", f"{f + 4e-7:.8f}", f"{f+6e-7:.8f}"]
    gold = pick(rng, (7, text), (1, text + "0"), (1, f"{text}%"), (1, f"{f:,.{places}f}"), (1, f"{text} {rng.choice(UNITS)}"), (1, f"\\frac{{{exact.numerator}}}{{{exact.denominator}}}"), (.5, text.lstrip("0")))
    return gold, same, other


def fraction(rng):
    q = Fraction(rng.randint(-40, 60), rng.randint(1, 40))
    a, b = q.numerator, q.denominator
    k = rng.randint(2, 5)
    whole, rest = divmod(abs(a), b)
    sign = "-" if a < 0 else ""
    same = [f"\\frac{{{a}}}{{{b}}}", f"{sign}\\frac{{{abs(a)}}}{{{b}}}", f"\\dfrac{{{a}}}{{{b}}}", f"\\tfrac{{{a * k}}}{{{b * k}}}", f"{a}/{b}", f"{a * k}/{b * k}", f"{sign}{whole}\\frac{{{rest}}}{{{b}}}", f"{float(q):.6f}", f"{float(q):.8f}",
            f"\\frac{abs(a)}{b}" if 0 <= a < 10 and b < 10 else f"{a}/{b}", f"({a})/({b})", f"{a}\\div {b}", f"{a * 100}/{b}\\%", f"\\left(\\frac{{{a}}}{{{b}}}\\right)", f"x=\\frac{{{a}}}{{{b}}}", f"\\frac{{{a}}}{{{b}}}\\text{{ cm}}", f"\\frac{{{-a}}}{{{-b}}}", f"{{{a} \\over {b}}}",
            f"{sign}{whole} {rest}/{b}", f"{sign}{whole}\\ \\frac{{{rest}}}{{{b}}}", f"\\frac{{{a}}}{{{b}}}=\\frac{{{a*k}}}{{{b*k}}}", f"\\frac{{{a}}}{{{b}}} \\approx {float(q):.3f}", f"\\frac{{{a}}}{{{b}}} \\text{{ or }} {float(q):.4f}"]
    other = [f"\\frac{{{b}}}{{{a or 1}}}", f"\\frac{{{a + 1}}}{{{b}}}", f"{a}/{b + 1}", f"{float(q):.3f}", f"{float(q):.5f}", f"{a}:{b}", str(whole), f"-{a}/{b}"]
    return rng.choice([f"\\frac{{{a}}}{{{b}}}", f"{a}/{b}", f"\\dfrac{{{a}}}{{{b}}}", f"{float(q):.6f}", f"{sign}{whole}\\frac{{{rest}}}{{{b}}}"]), same, other


def percent(rng):
    n = pick(rng, (2, str(rng.randint(0, 200))), (2, f"{rng.uniform(0, 100):.{rng.randint(1, 3)}f}"))
    part = Fraction(n) / 100
    same = [f"{n}\\%", f"{n}%", f"{n} \\%", f"{n} percent", f"{n}\\text{{ percent}}", f"{n}\\text{{%}}", f"{float(part)}", f"\\frac{{{part.numerator}}}{{{part.denominator}}}", f"{n} percentage points", f"{n}％", f"{n}pct", n, f"{n}0\\%", f"x = {n}\\%"]
    other = [f"{n}1\\%", f"-{n}%", f"{float(part) * 10}", f"{n}‰", f"1{n}%"]
    return pick(rng, (5, f"{n}%"), (3, f"{n}\\%"), (1, n), (1, str(float(part)))), same, other


def several(rng):
    values = [str(rng.randint(-9, 30)) for _ in range(rng.randint(2, 4))]
    shuffled = rng.sample(values, len(values))
    a, b = ",".join(values), ", ".join(shuffled)
    same = [a, b, f"({a})", f"\\{{{a}\\}}", f"\\{{{b}\\}}", f"[{a}]", " and ".join(values), " \\text{ and } ".join(shuffled), ";".join(values), f"x={a}", ",".join(f"x={v}" for v in values), " or ".join(f"x={v}" for v in values), "、".join(values),
            f"\\left({a}\\right)", f"\\left\\{{{b}\\right\\}}", f"x \\in \\{{{a}\\}}", ", ".join(f"{v}.0" for v in values), f"({b})", f"\\langle {a} \\rangle", f"\\begin{{pmatrix}} {' & '.join(values)} \\end{{pmatrix}}"]
    other = [",".join(values[:-1]), a + ",99", f"({b})", ",".join(str(int(v) + 1) for v in values), values[0]]
    return rng.choice([a, f"({a})", f"\\{{{a}\\}}", f"[{a}]", ", ".join(values)]), same, other


def plus_minus(rng):
    a, b = rng.randint(0, 9), rng.randint(1, 9)
    same = [f"{a} \\pm {b}", f"{a + b}, {a - b}", f"x = {a} \\pm {b}", f"\\{{{a - b}, {a + b}\\}}", f"{a - b} \\text{{ or }} {a + b}", f"{a}±{b}", f"{a} \\pm \\sqrt{{{b * b}}}", f"\\pm {b}"]
    return rng.choice([f"{a} \\pm {b}", f"{a - b},{a + b}", f"\\pm {b}", f"\\{{{a - b},{a + b}\\}}"]), same, [f"{a + b}", f"{a} \\mp {b}", f"{a} \\pm {b + 1}"]


def interval(rng):
    a, b = sorted(rng.sample(range(-20, 40), 2))
    left, right = rng.choice("(["), rng.choice(")]")
    ops = ["<" if left == "(" else "\\le", "<" if right == ")" else "\\le"]
    same = [f"{left}{a},{b}{right}", f"{left}{a}, {b}{right}", f"x \\in {left}{a},{b}{right}", f"{a} {ops[0]} x {ops[1]} {b}", f"{left}{a}.0,{b}{right}", f"\\left{left}{a},{b}\\right{right}", f"{left}{a},{b - 1}{right} \\cup {left}{a},{b}{right}", f"x > {a} \\text{{ and }} x < {b}", f"{b} > x > {a}", f"{a}<x<{b}", f"{a} \\leq y \\leq {b}"]
    other = [f"({a},{b}]", f"[{a},{b})", f"({a},{b})", f"[{a},{b}]", f"{left}{a},{b + 1}{right}", f"({b},{a})", f"x > {a}", f"({a},\\infty)", f"{a},{b}"]
    return rng.choice(same[:4]), same, other


def inequality(rng):
    n, op = rng.randint(-9, 30), rng.choice(["<", ">", "\\le", "\\geq", "\\leq", "≤", ">="])
    back = {"<": ">", ">": "<", "\\le": "\\ge", "\\geq": "\\leq", "\\leq": "\\geq", "≤": "\\ge", ">=": "\\le"}[op]
    ray = f"({n},\\infty)" if op == ">" else f"[{n},\\infty)" if op in ("\\geq", ">=") else f"(-\\infty,{n})" if op == "<" else f"(-\\infty,{n}]"
    same = [f"x {op} {n}", f"{n} {back} x", ray, f"x{op} {n}.0", f"2x {op} {2 * n}", f"x - {n} {op} 0", f"x+1 {op} {n + 1}", f"y {op} {n}", f"x \\in {ray}"]
    return rng.choice([f"x {op} {n}", f"x {op} {n}", ray]), same, [f"x {back} {n}", f"x {op} {n + 1}", f"x = {n}", f"x {op} {n}.5", f"({n},{n + 1})", str(n)]


def equation(rng):
    a, b = rng.randint(1, 9), rng.randint(-9, 9)
    same = [f"y = {a}x + {b}", f"y={a}x+{b}", f"{a}x + {b} = y", f"y = {b} + {a}x", f"y - {b} = {a}x", f"2y = {2 * a}x + {2 * b}", f"{a}x - y + {b} = 0", f"{a}x+{b}", f"f(x) = {a}x + {b}", f"y = {a} \\cdot x + {b}", f"y = {a}(x + {b}/{a})"]
    return rng.choice([f"y = {a}x + {b}", f"y={a}x+{b}", f"{a}x - y + {b} = 0"]), same, [f"y = {a + 1}x + {b}", f"y = {a}x - {b + 1}", f"x = {a}y + {b}", f"{a}x"]


def polynomial(rng):
    a, b = rng.randint(-6, 6), rng.randint(-6, 6)
    p, q = a + b, a * b
    same = [f"x^2 + {p}x + {q}", f"(x+{a})(x+{b})", f"{q} + {p}x + x^2", f"x^{{2}}+{p}x+{q}", f"x \\cdot x + {p} x + {q}", f"(x + {a}) \\cdot (x + {b})", f"x(x+{p})+{q}", f"x**2 + {p}*x + {q}", f"\\frac{{2x^2 + {2 * p}x + {2 * q}}}{{2}}", f"X^2+{p}X+{q}", f"x²+{p}x+{q}", f"\\left(x+{a}\\right)\\left(x+{b}\\right)"]
    return rng.choice(same[:3]), same, [f"x^2+{p + 1}x+{q}", f"x^2+{p}x+{q + 1}", f"(x-{a})(x+{b + 1})", f"x^3+{p}x+{q}", f"a^2 + {p}a + {q}", f"2x^2+{p}x+{q}"]


def radical(rng):
    a, b = rng.randint(1, 9), rng.choice([2, 3, 5, 6, 7, 8, 12])
    v = a * math.sqrt(b)
    same = [f"{a}\\sqrt{{{b}}}", f"\\sqrt{{{a * a * b}}}", f"{a} \\sqrt {b}", f"\\sqrt{b}\\cdot {a}" if b < 10 else f"{a}\\sqrt{{{b}}}", f"{v:.6f}", f"{v:.9f}", f"{a} \\times {b}^{{1/2}}", f"\\frac{{{a * b}}}{{\\sqrt{{{b}}}}}", f"{a}*sqrt({b})", f"{a}√{b}", f"{a}\\sqrt[2]{{{b}}}", f"\\sqrt[4]{{{a ** 4 * b * b}}}", f"{a}{b}^{{0.5}}"]
    return rng.choice([f"{a}\\sqrt{{{b}}}", f"\\sqrt{{{a * a * b}}}", f"{v:.6f}", f"{a}\\sqrt{b}" if b < 10 else f"{a}\\sqrt{{{b}}}"]), same, [f"{a + 1}\\sqrt{{{b}}}", f"\\sqrt{{{a * b}}}", f"{v:.3f}", f"{a}\\sqrt[3]{{{b}}}", f"{v + 1e-5:.6f}", f"{a}+\\sqrt{{{b}}}"]


def trigonometry(rng):
    n = rng.randint(1, 12)
    known = [("\\sin\\frac{\\pi}{6}", "1/2"), ("\\cos\\frac{\\pi}{4}", "\\frac{\\sqrt{2}}{2}"), ("\\tan\\frac{\\pi}{4}", "1"), ("\\cos\\pi", "-1"), ("\\ln e", "1"), ("\\log_2 8", "3"), ("\\log_{10} 1000", "3"), ("e^{\\ln 5}", "5"), ("\\arctan 1", "\\frac{\\pi}{4}"),
             ("\\sin^2 x + \\cos^2 x", "1"), ("\\sin 2x", "2\\sin x\\cos x"), ("\\binom{5}{2}", "10"), ("5!", "120"), ("\\sin 30^\\circ", "1/2"), ("|{-3}|", "3"), ("\\lfloor 2.7 \\rfloor", "2"), ("\\lg 100", "2"), ("\\sqrt[3]{27}", "3"), ("2^{10}", "1024"), ("\\max(2,3)", "3"), ("\\pi", "3.141593"),
             ("e", "2.718282"), ("\\sum_{i=1}^{4} i", "10"), ("\\frac{1}{2}\\ln 4", "\\ln 2"), ("\\log_3 9 + 1", "3"), ("i^2", "-1"), ("\\cosh 0", "1"), ("\\prod_{i=1}^{3} i", "6"), ("\\arcsin 1", "\\frac{\\pi}{2}"), ("\\lceil 2.1 \\rceil", "3"), ("10 \\bmod 3", "1"), ("\\gcd(4,6)", "2")]
    a, b = rng.choice(known)
    f = rng.choice(FUNCTIONS)
    c = [f"{f}({n})", f"{f} {n}", f"{f}\\left({n}\\right)", f"{f}{{{n}}}"]
    if rng.random() < .5:
        return (a, [b, a, f"{a}", f"{b}+0"], [f"{b}+1", f"2{a}", "0.12"]) if rng.random() < .5 else (b, [a, b], [f"{a}+1", "77"])
    return rng.choice(c), c + [f"1 \\cdot {c[0]}", f"{n}\\pi"], [f"{f}({n + 1})", f"{n}{f}", f"{n}\\pi"]


def scientific(rng):
    m, e = rng.randint(1, 99) / 10, rng.randint(-6, 9)
    value = Fraction(str(m)) * Fraction(10) ** e
    plain = str(int(value)) if value.denominator == 1 else f"{float(value):.9f}".rstrip("0")
    same = [f"{m} \\times 10^{{{e}}}", f"{m}\\cdot 10^{{{e}}}", f"{m}e{e}", f"{m}E{e}", plain, f"{m}*10^{e}", f"{m} × 10^{e}", f"{m * 10:.0f} \\times 10^{{{e - 1}}}", f"{m}\\times10^{e}", f"{m}\\times 10^{{{e}}} \\text{{ m}}"]
    return rng.choice([f"{m} \\times 10^{{{e}}}", plain, f"{m}e{e}", f"{m}\\cdot 10^{{{e}}}"]), same, [f"{m} \\times 10^{{{e + 1}}}", f"{m}", f"{m + .1:.1f}\\times 10^{{{e}}}", f"10^{{{e}}}"]


def matrix(rng):
    a = [rng.randint(-5, 9) for _ in range(4)]
    def text(v, kind="pmatrix"):
        return f"\\begin{{{kind}}}{v[0]}&{v[1]}\\\\{v[2]}&{v[3]}\\end{{{kind}}}"
    same = [text(a), text(a, "bmatrix"), text([f"{v}.0" for v in a]), text([f"\\frac{{{2 * v}}}{{2}}" for v in a]), f"\\begin{{pmatrix}} {a[0]} & {a[1]} \\\\ {a[2]} & {a[3]} \\end{{pmatrix}}", f"A = {text(a)}", f"\\left[\\begin{{array}}{{cc}}{a[0]}&{a[1]}\\\\{a[2]}&{a[3]}\\end{{array}}\\right]", f"2{text([f'{v}/2' for v in a])}"]
    return text(a, rng.choice(["pmatrix", "bmatrix", "pmatrix", "matrix"])), same, [text(a[::-1]), text([v + 1 for v in a]), f"\\begin{{pmatrix}}{a[0]}&{a[1]}\\end{{pmatrix}}", f"({a[0]},{a[1]},{a[2]},{a[3]})", text(a, "vmatrix")]


def words(rng):
    w = rng.choice(WORDS)
    same = [w, f"\\text{{{w}}}", f"\\textbf{{{w}}}", f"\\mathrm{{{w}}}", w.lower(), w.upper(), f" {w} ", f"{w}.", f"\\text{{ {w} }}", f"\\textit{{{w}}}", f"({w})", f"\\text{{({w})}}"]
    return rng.choice([w, f"\\text{{{w}}}", f"{w}"]), same, [rng.choice(WORDS), f"\\text{{not {w}}}", w[:-1], w + "s", ""]


def symbols(rng):
    a, b, c = rng.sample("abcdghkmnpqrstuvwxyz", 3)
    n = rng.randint(2, 9)
    same = [f"{n}{a}{b}", f"{n}{b}{a}", f"{a}{n}{b}", f"{n} \\cdot {a} \\cdot {b}", f"{n}*{a}*{b}", f"{n}{a.upper()}{b}", f"\\frac{{{n}{a}{b}{c}}}{{{c}}}"]
    return rng.choice(same[:2] + [f"\\frac{{{a}}}{{{b}}}", f"{a}_{n}", f"{a}^{n}", f"\\alpha + {n}"]), same + [f"\\frac{{{n * 1}{a}}}{{{n}{b}}}", f"{a}/{b}", f"{a}_{{{n}}}", f"{a}^{{{n}}}", f"{n}+\\alpha"], [f"{n}{a}{c}", f"{n + 1}{a}{b}", f"{n}{a}+{b}", f"{a}_{n + 1}"]


def clock_and_ratio(rng):
    a, b = rng.randint(1, 23), rng.randint(10, 59)
    same = [f"{a}:{b}", f"{a} : {b}", f"\\text{{{a}:{b}}}", f"{a}:{b} \\text{{ p.m.}}", f"{a}\\text{{:}}{b}", f"{a}-{b}", f"{a}/{b}", f"{2 * a}:{2 * b}", f"{a} to {b}", f"{a}–{b}", f"{a}\\colon {b}"]
    return rng.choice([f"{a}:{b}", f"{a}-{b}", f"{a}–{b}", f"{a}:{b} p.m.", f"2019-{a}-{b}"]), same + [f"2019-{a}-{b}"], [f"{a}:{b + 1}", f"{b}:{a}", str(a)]


def strange(rng):
    n = rng.randint(2, 99)
    gold = rng.choice([f"{n}元", f"{n}.2亿元", "2019年", f"{n}–{n + 2}", f"€{n}.3", f"1e{n % 9}", f"0.\\overline{{{n}}}", f"{n}²", f"1\\,{n:03d}", f"10^{{10^{{{n}}}}}", f"{n}!", "\\infty", "-\\infty", "\\emptyset", "\\varnothing", "None", "True", "", " ", "\\frac{1}{0}", "0/0", "i", "2+3i", "\\text{no solution}",
                       "\\mathbb{R}", "\\mathbb{R} \\setminus \\{1\\}", f"{n}\\degree", f"{n} ± 1", "x=1, y=2", "(1,2),(3,4)", "[[1,2],[3,4]]", "\\frac", "{", "}", "\\boxed{3}", "$5$", "\\(5\\)", f"４２", "½", "三", f"{n} mod 7", "H_2O", "\\sqrt", "^", "_", "..", "1..2", "1.2.3", "1,2,3", "1,234,5", "12,34", "1,23", "0,5", "-.5", "-0.5", "+5", "--5", "5-", "(5", "5)"])
    return gold, [gold, f"\\text{{{gold}}}", f"{gold}.", f" {gold}", str(n), f"{n}.2", "5", "0.5", "1/3", "42"], [str(n + 1), "7", gold + "1"]


MAKERS = [(integer, 12), (decimal, 10), (fraction, 8), (percent, 6), (several, 6), (plus_minus, 2), (interval, 5), (inequality, 4), (equation, 3), (polynomial, 4), (radical, 4),
          (trigonometry, 4), (scientific, 3), (matrix, 2), (words, 5), (symbols, 3), (clock_and_ratio, 2), (strange, 4)]


# ------------------------------------------------------------------------------------------------ the text around answers

def stated(rng, answer, wrong):
    """A response that states `answer`; `wrong` is what else may stand in it."""
    box, other = f"\\boxed{{{answer}}}", f"\\boxed{{{wrong}}}"
    talk, 话 = english(rng, rng.randint(1, 12)), chinese(rng, 12).replace("\n", "")
    return pick(
        rng, (6, box), (4, f"${box}$"), (2, f"$${box}$$"), (2, f"\\[{box}\\]"), (2, f"\\({box}\\)"), (2, f"\\[\n{box}\n\\]"), (2, f"{talk} {box}."), (2, f"{talk} ${box}$. {talk}"), (2, f"{话}${box}$。"), (1, f"{话}{box}{话}"),
        (2, f"The answer is ${answer}$."), (2, f"The final answer is ${answer}$. I hope it is correct."), (2, f"Therefore the final answer is: {answer}"), (2, f"Final Answer: {answer}"), (2, f"Answer: ${answer}$"), (2, f"answer: {answer}"), (1, f"答案是{answer}。"), (1, f"答案：${answer}$"),
        (2, f"{talk} {answer}"), (2, f"{talk} ${answer}$ {talk}"), (1, f"**{answer}**"), (1, f"{answer}"), (1, f"= {answer}"), (1, f"{talk} = {answer}"), (1, f"\\({answer}\\)"), (1, f"${answer}\\%$" if "%" not in answer else f"${answer}$"), (1, f"{box}\\%"), (1, f"${box}$\\%"), (1, f"${box}\\%$"), (1, f"{box} %"),
        (1, f"\\boxed {{{answer}}}"), (1, f"\\boxed\n{{{answer}}}"), (1, f"\\fbox{{{answer}}}"), (1, f"\\boxed{{{answer}"), (1, f"\\boxed {answer}"), (1, f"\\boxed{{\\boxed{{{answer}}}}}"), (1, f"\\boxed{{\\text{{{answer}}}}}"), (1, f"\\boxed{{x = {answer}}}" if "\\in" not in answer else box), (1, f"x = {box}"), (1, f"$x = {box}$"),
        (1, f"{other} {talk} {box}"), (1, f"{box} {talk} {other}"), (1, f"{box} and {other}"), (1, f"{box}, {other}"), (1, f"{other} for the score and more {box}"), (1, f"${box}$ or ${other}$"), (1, f"${other}$ {talk} ${box}$"), (1, f"{other} is wrong.\n\n{box}"), (1, f"{box}{box}"), (1, f"{other}\n{'so ' * 40}\n{box}"),
        (1, f"{box} where x is {{1, 2}}"), (1, f"The final answer is {wrong}, no: {box}"), (1, f"answer {wrong} ... {box}"), (1, f"final answer of the question is {answer}"), (1, f"The answer is {answer} {wrong}"), (1, f"{answer} = {wrong}"), (1, f"The Answer： {answer}"), (1, f"[ {answer} ]"), (1, f" [{answer}] "),
        (1, f"\\frac{{1}}{{2}} {box}"), (1, f"{talk} {answer} and {wrong}"), (1, f"${answer}$ and ${wrong}$"), (1, f"${answer}$, ${wrong}$, and ${answer}$"), (1, f"\\begin{{align}} x &= {answer} \\end{{align}}"), (1, f"$\\begin{{aligned}} x &= {box} \\end{{aligned}}$"), (1, f"{box}{' ' * 10}\n\n{talk}"), (1, ""),
        (.5, f"{box} " + "so it goes on " * rng.choice([30, 34, 35, 36, 40])), (.5, "long thought. " * 60 + box), (.5, f"\\displaystyle {box}"), (.5, f"{box} ４２"), (.5, f"`{box}`"), (.5, f"$\\displaystyle{box}$"), (.5, f"US${answer}"), (.5, f"${answer}"), (.5, f"€{answer}"), (.5, f"\\[ {box}. \\]"), (.5, f"\\boxed{{{answer}}}\\text{{ cm}}"))


def judged_row(rng, gold, answer, response):
    """A row for a judge model; sometimes the response is the reference word for word."""
    source = rng.choice(["retrieval_summary_calculate", "retrieval_model_judge", "x_model_verify", "model_judge_v2"])
    mode = pick(rng, (3, "math_verify"), (1, "model_judge"), (1, "model_judge_with_question"), (1, "model_compare"), (.3, None), (.3, "EM"))
    truth = pick(rng, (3, gold), (1, [gold]), (1, ["x", gold]), (.5, [gold, {"golden_label": gold}]), (1, struct(rng, [], gold, "")), (.2, []))
    made = row(source, mode, truth, "</think>" + answer if rng.random() < .4 else response, "judged " + str(mode))
    if rng.random() < .9:
        made["extra_info"]["ground_truth"] = rng.choice([answer, gold, answer + " "])
    return made


def math_row(rng):
    maker = rng.choices(*zip(*MAKERS))[0]
    gold, same, other = maker(rng)
    right = rng.random() < .65
    answer, wrong = rng.choice(same if right else other), rng.choice(other)
    response = respond(rng, stated(rng, answer, wrong)) if rng.random() < .15 else "</think>" + rng.choice(["\n\n", ""]) + stated(rng, answer, wrong)
    if rng.random() < .06:
        documents = [f"<|doc_{rng.randint(1, 9)}|>" for _ in range(rng.randint(0, 3))]
        named = pick(rng, (5, documents), (1, documents[:-1]), (1, documents + ["<|doc_12|>"]), (1, documents[::-1] * 2), (.5, [d.replace("doc", "Doc") for d in documents]), (.3, [d.replace("<|doc_1", "<|doc_１") for d in documents]))
        parts = [f"<relevant_doc_ids>{rng.choice([', ', '', chr(10)]).join(named)}</relevant_doc_ids>", f"<continue_reasoning>{stated(rng, answer, wrong)}</continue_reasoning>"]
        if rng.random() < .2:
            parts = rng.choice([parts[::-1], parts[:1], parts[1:], parts + parts[:1], [parts[0].replace("</", "<")] + parts[1:], ["<relevant_doc_ids></relevant_doc_ids>"] + parts])
        return row("retrieval_calculate", pick(rng, (4, "retrieval_calculate"), (1, None), (1, "math_verify")), struct(rng, documents, gold, ""), respond(rng, "\n".join(parts)), "retrieval")
    if rng.random() < .06:
        return judged_row(rng, gold, answer, response)
    truth = pick(rng, (6, struct(rng, [], gold, "")), (1, gold), (1, [gold]), (.5, ["x", gold]))
    source = pick(rng, (5, "math_longcot_math_verify"), (1, "t4_math_longcot_math_verify_v2"))
    return row(source, pick(rng, (5, "math_verify"), (1, None), (.5, "math_longcot_math_verify")), truth, response, "math " + maker.__name__)


def rows(rng, count):
    return [math_row(rng) for _ in range(count)]
