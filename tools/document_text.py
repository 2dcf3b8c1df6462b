"""Plain text out of manual pages (man macros) and HTML handbooks; used by fetch_documents.py."""

import html.parser
import re

ESCAPES = [(r"\\f\[[^\]]*\]|\\f\(..|\\f.|\\s[+-]?\d+|\\[&,/%:|^]|\\k.|\\m\[[^\]]*\]", ""), (r"\\\(aq|\\\[aq\]", "'"),
           (r"\\\((?:lq|rq)|\\\[(?:lq|rq)\]|\\\*\((?:lq|rq|L\"|R\")|\\\(dq|\\\[dq\]", '"'),
           (r"\\\((?:oq|cq)|\\\[(?:oq|cq)\]|\\`|\\'", "'"), (r"\\\((?:en|em|hy|mi)|\\\[(?:en|em)\]|\\-", "-"),
           (r"\\\(bu|\\\[bu\]", "*"), (r"\\\(co|\\\[co\]", "(c)"), (r"\\\(ha|\\\[ha\]", "^"), (r"\\\(ti|\\\[ti\]", "~"),
           (r"\\[~ 0]", " "), (r"\\[eE]|\\\(rs|\\\[rs\]", "\\\\"), (r'\\".*$', "")]
FONT_MACROS = {".B", ".I", ".BR", ".RB", ".IR", ".RI", ".BI", ".IB", ".SM", ".SB"}


def unescape(text):
    for pattern, replacement in ESCAPES:
        text = re.sub(pattern, replacement, text)
    return text


def arguments(line, joined):
    words = re.findall(r'"((?:[^"]|"")*)"|((?:\\.|\S)+)', line)
    return joined.join((a or b).replace('""', '"') for a, b in words)


class Manual:
    """The man macros as plain text; pages that need more (mdoc, tables, conditions) give None."""

    def __init__(self):
        self.out, self.paragraph, self.tag, self.wants_tag = [], [], None, False

    def flush(self):
        text = re.sub(r"\s+", " ", " ".join(self.paragraph)).strip()
        self.paragraph = []
        if self.tag is not None:
            if text:
                self.out.append(f"{self.tag}\n    {text}")
            self.tag = None
        elif text:
            self.out.append(text)

    def text(self, line):
        if self.wants_tag:
            self.tag, self.wants_tag = re.sub(r"\s+", " ", line).strip(), False
        else:
            self.paragraph.append(line)

    def feed(self, line):
        macro, _, rest = line.partition(" ")
        if not line.startswith((".", "'")):
            if line.strip():
                self.text(unescape(line))
            else:
                self.flush()
        elif macro in (".SH", ".SS"):
            self.flush()
            heading = unescape(arguments(rest, " ")).strip()
            self.out.append(("" if macro == ".SS" else "") + heading.upper())
        elif macro == ".TP":
            self.flush()
            self.wants_tag = True
        elif macro == ".IP":
            self.flush()
            words = unescape(re.sub(r'^"([^"]*)".*|^(\S+).*', r"\1\2", rest)).strip()
            self.tag = words if len(words) > 1 else None
        elif macro in FONT_MACROS:
            joined = "" if len(macro) == 3 and macro not in (".SM", ".SB") else " "
            self.text(unescape(arguments(rest, joined)))
        elif macro in (".PP", ".P", ".LP", ".br", ".sp", ".HP", ".RS", ".RE", ".TQ"):
            self.flush()
        elif macro in (".TS", ".EQ", ".de", ".Dd", ".so", ".ig"):
            raise ValueError("needs groff")
        return self

    @staticmethod
    def convert(source):
        manual = Manual()
        try:
            for line in source.split("\n"):
                if not line.startswith((r'.\"', r"'\"", r".\ ")):
                    manual.feed(line)
        except ValueError:
            return None
        manual.flush()
        text = "\n\n".join(manual.out)
        return None if "\\" in re.sub(r"\\\\|\\[nt0]", "", text) else text


class Paragraphs(html.parser.HTMLParser):
    """Headings and paragraphs of a handbook page."""
    SKIP = {"pre", "table", "script", "style", "head"}

    def __init__(self):
        super().__init__()
        self.blocks, self.current, self.skipped, self.depth = [], [], 0, []

    def flush(self, heading=False):
        text = re.sub(r"\s+", " ", "".join(self.current)).strip()
        self.current = []
        if text:
            self.blocks.append(("# " if heading else "") + text)

    def handle_starttag(self, tag, attrs):
        kind = dict(attrs).get("class", "") or ""
        if tag in ("img", "br", "hr", "meta", "link", "input", "col"):
            return
        hidden = tag in self.SKIP or "docnav" in kind or "toc" == kind or "sidebar" in kind
        self.depth.append((tag, hidden))
        self.skipped += hidden
        if tag in ("p", "div", "li", "dt", "dd", "h1", "h2", "h3", "h4", "ul", "dl"):
            self.flush()

    def handle_endtag(self, tag):
        if not any(t == tag for t, _ in self.depth):
            return
        if tag in ("p", "div", "li", "dt", "dd", "h1", "h2", "h3", "h4"):
            self.flush(heading=tag in ("h1", "h2", "h3", "h4"))
        while self.depth:
            name, hidden = self.depth.pop()
            self.skipped -= hidden
            if name == tag:
                break

    def handle_data(self, data):
        if not self.skipped:
            self.current.append(data)
