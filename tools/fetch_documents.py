#!/usr/bin/env python3
"""Fetches real documents from Debian 12 packages and writes them as JSONL, for `golong data make`.

    tools/fetch_documents.py --cache .cache/documents --output .cache/documents/documents.jsonl

Nothing is installed and no root is needed: packages come by `apt-get download` and are unpacked into the cache folder;
package stanzas and descriptions come from apt's own indexes, refreshed into the cache folder. A second run downloads
nothing twice. Which packages, stanzas and pages are taken depends on names only, so that the same Debian release gives
the same documents.

One line of the output is one document: {id, title, kind, language, text, group, source, version, licence}. Documents
of one group must not be parted between training and held-out rows: a group has everything that comes from the same
source packages, or one chapter of a book. Kinds:
  packages      stanzas of the package index (Package, Version, Section, Installed-Size; Chinese: the description too)
  listing       lines "package - short description", as `apt-cache search` prints them
  description   one package's description: its first line says in short what the rest says at length
  changelog     debian/changelog, newest entry first; e-mail addresses are removed
  manual        a manual page as plain text: headings in capitals, "tag", then its indented text
  book          chapters and sections: "# heading" lines and paragraphs; verses as "Ge1:1 text" lines
"""

import argparse
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from document_text import Manual, Paragraphs

APT_CONF = """#clear Acquire::Languages;
Acquire::Languages {{ "en"; "zh_CN"; }};
Acquire::GzipIndexes "false";
Dir::State::lists "{cache}/lists";
Dir::Cache "{cache}/apt";
"""

BOOKS = ["debian-handbook", "debian-policy", "developers-reference", "bible-kjv-text", "bible-kjv"]
# Programs whose manual pages and changelogs people know; more packages with changelogs are added by hash.
MANUALS = """coreutils findutils grep sed tar gzip bzip2 xz-utils diffutils util-linux procps psmisc file less gawk mawk bc
 dc make patch cpio rsync wget curl openssh-client dpkg dpkg-dev apt debianutils devscripts debhelper lintian quilt
 dosfstools e2fsprogs mount iproute2 iputils-ping traceroute netcat-openbsd tcpdump strace ltrace lsof htop screen tmux
 tree zip unzip p7zip-full jq ed nano bsdextrautils moreutils parallel time bash dash ncal bsdmainutils cron at
 logrotate rsyslog sysstat hdparm smartmontools parted fdisk mdadm lvm2 cryptsetup-bin gnupg gpgv openssl ca-certificates
 exiftool imagemagick-6-common ghostscript poppler-utils qpdf pandoc aspell hunspell man-db groff-base texinfo info
 manpages manpages-zh manpages-posix git-man mercurial-common subversion cvs rcs bison flex m4 autoconf automake
 libtool-bin pkgconf gettext gettext-base intltool desktop-file-utils shared-mime-info xdg-utils x11-utils x11-apps
 sox ffmpeg mplayer alsa-utils pulseaudio-utils cdparanoia vorbis-tools flac lame mutt msmtp fetchmail procmail
 lynx w3m links elinks nmap whois dnsutils bind9-dnsutils bind9-host rename fdupes stow debconf adduser passwd sudo
 login libc-bin apt-utils aptitude tasksel popularity-contest reportbug""".split()
HASHED_PACKAGES = 260      # small packages whose changelogs and manual pages are taken, chosen by the hash of their name
LISTED = 16000             # lines of listings, of other packages
STANZAS = 10000            # stanzas of the package index
STANZAS_PER_DOCUMENT = 20
DESCRIPTIONS = 14000
GROUPS = 60                # source packages are spread over so many groups by the hash of their name


def rank(text):
    """A number that depends on the text only: what decides which names are taken."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def group_of(source):
    return f"source-{rank('group ' + source) % GROUPS}"


def source_of(fields):
    return fields.get("Source", fields["Package"]).split()[0]


# ------------------------------------------------------------------------------------------------------------- apt

class Apt:
    def __init__(self, cache):
        self.cache = cache.resolve()
        self.conf = self.cache / "apt.conf"
        for folder in ("lists/partial", "apt/archives/partial", "packages", "unpacked"):
            (self.cache / folder).mkdir(parents=True, exist_ok=True)
        self.conf.write_text(APT_CONF.format(cache=self.cache))

    def run(self, *command, **options):
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout

    def refresh(self):
        if not any(self.cache.glob("lists/*Translation-en*")):
            self.run("apt-get", "-c", str(self.conf), "-q", "update")

    def index(self):
        """name -> fields of the newest version in the Debian archive's index."""
        stanzas = {}
        targets = self.run("apt-get", "-c", str(self.conf), "indextargets", "--format", "$(FILENAME)|$(CREATED_BY)|$(SITE)")
        for line in targets.splitlines():
            name, kind, site = line.split("|")
            if kind == "Packages" and "debian.org" in site and os.path.exists(name):
                text = self.run("/usr/lib/apt/apt-helper", "cat-file", name)
                for block in text.split("\n\n"):
                    fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", block, re.M))
                    if "Package" in fields:
                        stanzas[fields["Package"]] = fields
        return stanzas

    def descriptions(self, language):
        """name -> (short, long text) from the Translation index."""
        found = {}
        for path in sorted(self.cache.glob(f"lists/*Translation-{language.replace('_', '%5f')}")):
            for block in path.read_text(encoding="utf-8").split("\n\n"):
                head = re.match(rf"Package: (\S+)\nDescription-md5: \S+\nDescription-{language}: (.*)\n((?: .*\n?)*)", block)
                if head:
                    found[head[1]] = (head[2].strip(), head[3].rstrip("\n"))
        return found

    def download(self, packages):
        """Gets what is not in the cache yet, in one call."""
        have = {path.name.split("_")[0] for path in self.cache.glob("packages/*.deb")}
        missing = [name for name in packages if name not in have]
        if missing:
            print(f"downloading {len(missing)} packages", file=sys.stderr)
            self.run("apt-get", "-c", str(self.conf), "-q", "download", *missing, cwd=self.cache / "packages")

    def unpack(self, package):
        """Folder with the files of a package that was downloaded."""
        target = self.cache / "unpacked" / package
        if target.exists():
            return target
        archives = list(self.cache.glob(f"packages/{package}_*.deb"))
        temporary = target.with_name(target.name + ".partial")
        self.run("dpkg-deb", "-x", str(archives[0]), str(temporary))
        temporary.rename(target)
        return target


def licence_of(folder, package):
    """Short licence names from debian/copyright: of a machine-readable one the names, else what its text mentions."""
    path = folder / "usr/share/doc" / package / "copyright"
    if not path.is_file():
        return "see debian/copyright"
    text = path.read_text(encoding="utf-8", errors="replace")
    short = r"[A-Za-z][A-Za-z0-9.+~-]*"
    names = re.findall(rf"^License:[ \t]*({short}(?: (?:and|or|with) {short}| exception)*)[ \t]*$", text, re.M)
    if not names:
        known = [("GPL-3", r"GPL-3|General Public License.{0,80}version 3"), ("GPL-2+", r"/GPL-2|version 2.{0,40}or"),
                 ("GPL", r"/GPL\b|GNU General Public"), ("LGPL", r"LGPL|Lesser General"), ("GFDL", r"Free Documentation"),
                 ("LPPL", r"LaTeX Project Public"), ("BSD", r"\bBSD\b|Redistribution and use in source"), ("Apache-2.0", r"Apache-2"), ("Artistic", "Artistic"),
                 ("MIT", r"\bMIT\b|Permission is hereby granted"), ("public domain", r"public domain")]
        names = [name for name, pattern in known if re.search(pattern, text, re.I | re.S)][:2]
    unique = list(dict.fromkeys(name.strip() for name in names))
    return ", ".join(unique[:3]) or "see debian/copyright"


def read_maybe_gzip(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    return data.decode("utf-8", errors="strict")


# ---------------------------------------------------------------------------------------------------------- kinds

def package_documents(index, chinese):
    """Slices of the package index: stanzas and listings, in English and with Chinese short descriptions."""
    def stanza(fields, *more):
        return "\n".join([f"Package: {fields['Package']}", f"Version: {fields['Version']}",
                          f"Section: {fields['Section']}", f"Installed-Size: {fields['Installed-Size']}", *more])

    def plain(fields):
        return (len(fields["Package"]) <= 18 and len(fields["Version"]) <= 14 and "Section" in fields
                and "Installed-Size" in fields and "/" not in fields["Section"])

    english = [n for n, f in index.items() if plain(f) and 12 <= len(f.get("Description", "")) <= 48]
    english.sort(key=rank)
    yield from sliced([(n, stanza(index[n])) for n in english[:STANZAS]], index, "packages", "English")
    listed = english[STANZAS:STANZAS + LISTED]
    yield from sliced([(n, f"{n} - {index[n]['Description']}") for n in listed], index, "listing", "English")
    names = [n for n in chinese if n in index and plain(index[n]) and 4 <= len(chinese[n][0]) <= 30]
    names.sort(key=rank)
    yield from sliced([(n, stanza(index[n], f"Description-zh_CN: {chinese[n][0]}")) for n in names], index, "packages",
                      "Chinese")
    yield from sliced([(n, f"{n} - {chinese[n][0]}") for n in names], index, "listing", "Chinese")


def sliced(stanzas, index, kind, language):
    by_group = {}
    for name, text in stanzas:
        by_group.setdefault(group_of(source_of(index[name])), []).append(text)
    for group, texts in sorted(by_group.items()):
        for number, start in enumerate(range(0, len(texts), STANZAS_PER_DOCUMENT)):
            part = sorted(texts[start:start + STANZAS_PER_DOCUMENT])
            if len(part) >= 6:
                yield dict(id=f"{kind}-{group}-{'zh' if language == 'Chinese' else 'en'}-{number}",
                           title=f"Package index, slice {number}", kind=kind, language=language, group=group,
                           text=("\n\n" if kind == "packages" else "\n").join(part), source="Debian package index",
                           version="12", licence="of each package's debian/control")


def description_documents(index, english, chinese):
    def tidy(text):
        lines = ["" if line.strip() == "." else line[1:] for line in text.split("\n")]
        paragraphs = "\n".join(lines).split("\n\n")
        return "\n\n".join(re.sub(r"(?<=[^\n])\n(?=[^\s*•-])", " ", p).strip() for p in paragraphs if p.strip())

    def documents(found, language, tag, low, high, limit):
        seen = set()
        for name in sorted(found, key=rank):
            short, text = found[name][0], tidy(found[name][1])
            if name not in index or not low <= len(text) <= high or len(short) < 6 or text in seen:
                continue
            seen.add(text)
            limit -= 1
            if limit < 0:
                return
            yield dict(id=f"description-{tag}-{name}", title=name, kind="description", language=language,
                       text=f"{short}\n\n{text}", group=group_of(source_of(index[name])),
                       source=source_of(index[name]), version=index[name]["Version"], licence="of its debian/control")

    yield from documents(english, "English", "en", 120, 700, DESCRIPTIONS)
    yield from documents(chinese, "Chinese", "zh", 30, 330, DESCRIPTIONS)


def changelog_document(folder, package, index):
    base = folder / "usr/share/doc" / package
    for name in ("changelog.Debian.gz", "changelog.gz"):
        path = base / name
        if not path.is_file() or path.is_symlink():
            continue
        try:
            text = read_maybe_gzip(path)
        except (UnicodeDecodeError, OSError):
            continue
        if not re.match(r"\S+ \(\S+\) ", text):
            continue
        text = re.sub(r" <[^<>\s]+@[^<>\s]+>", "", text)
        text = re.sub(r"[\w.+-]+@[\w-]+\.[\w.-]+", "", text)
        entries = re.split(r"\n(?=\S+ \(\S+\) )", text)
        text = "\n".join(entries[:60]).rstrip()
        source = text.split(" ", 1)[0]
        if len(entries) >= 4:
            yield dict(id=f"changelog-{source}", title=source, kind="changelog", language="English", text=text,
                       group=group_of(source), source=source, version=index[package]["Version"], licence=licence_of(folder, package))
        return


def manual_documents(folder, package, index, limit):
    licence = licence_of(folder, package)
    pages = sorted(folder.glob("usr/share/man/man[1578]/*.gz")) + sorted(folder.glob("usr/share/man/zh_CN/man[15678]/*.gz"))
    for path in sorted(pages, key=lambda p: rank(p.name))[:limit]:
        if path.is_symlink():
            continue
        try:
            text = Manual.convert(read_maybe_gzip(path))
        except (UnicodeDecodeError, OSError):
            continue
        if text is None or not 400 <= len(text):
            continue
        chinese = "zh_CN" in path.parts
        if chinese and sum("\u4e00" <= c <= "\u9fff" for c in text) < 0.15 * len(text):
            continue
        name = path.name[:-3]
        yield dict(id=f"manual-{'zh' if chinese else 'en'}-{name}", title=name, kind="manual",
                   language="Chinese" if chinese else "English", text=text[:30000],
                   group=group_of(name.rsplit(".", 1)[0]), source=package, version=index[package]["Version"], licence=licence)


def handbook_documents(folder, index):
    licence = licence_of(folder, "debian-handbook")
    for locale, language, tag in (("en-US", "English", "en"), ("zh-CN", "Chinese", "zh")):
        for path in sorted((folder / "usr/share/doc/debian-handbook/html" / locale).glob("*.html")):
            parser = Paragraphs()
            parser.feed(path.read_text(encoding="utf-8"))
            headings = [i for i, block in enumerate(parser.blocks) if block.startswith("# ")]
            blocks = parser.blocks[headings[0]:] if headings else []  # what stands before is navigation
            if language == "Chinese":  # untranslated paragraphs stand among the translated ones
                blocks = [b for b in blocks if sum("\u4e00" <= c <= "\u9fff" for c in b) > 0.2 * len(b)]
            text = "\n\n".join(blocks)
            if len(text) >= 600:
                yield dict(id=f"handbook-{tag}-{path.stem}", title=blocks[0].lstrip("# "), kind="book",
                           language=language, text=text, group=f"handbook-{path.stem}",
                           source="debian-handbook", version=index["debian-handbook"]["Version"], licence=licence)


def plain_book(path, folder, package, index):
    """Sphinx's text output: headings are underlined."""
    lines = read_maybe_gzip(path).split("\n")
    sections, title, body = [], package, []
    for line, following in zip(lines, lines[1:] + [""]):
        if following and re.fullmatch(r"[=*\-~^]{3,}", following) and len(following) >= len(line.strip()) > 2:
            sections.append((title, body))
            title, body = line.strip(), []
        elif not re.fullmatch(r"[=*\-~^]{3,}", line):
            body.append(line)
    sections.append((title, body))
    for number, (title, body) in enumerate(sections):
        paragraphs = [re.sub(r"\s+", " ", p).strip() for p in "\n".join(body).split("\n\n")]
        paragraphs = [p for p in paragraphs if len(p) > 30]
        if sum(map(len, paragraphs)) >= 500:
            yield dict(id=f"{package}-{number}", title=title, kind="book", language="English",
                       text="\n\n".join([f"# {title}"] + paragraphs), group=f"{package}-{number // 4}",
                       source=package, version=index[package]["Version"], licence=licence_of(folder, package))


BIBLE = [("Gen", 50), ("Exod", 40), ("Ruth", 4), ("1Sam", 31), ("Ps", 150), ("Prov", 31), ("Eccl", 12), ("Isa", 66),
         ("Jonah", 4), ("Matt", 28), ("Mark", 16), ("Luke", 24), ("John", 21), ("Acts", 28), ("James", 5), ("Rev", 22)]


def bible_documents(text_folder, program_folder, index):
    program = program_folder / "usr/bin/bible"
    for book, chapters in BIBLE:
        for chapter in range(1, chapters + 1):
            verses = subprocess.run([program, "-p", text_folder / "usr/lib", "-f", "-l2000", f"{book}{chapter}:1-200"],
                                    check=True, stdout=subprocess.PIPE, text=True).stdout
            lines = [line.strip() for line in verses.split("\n") if re.match(r"\s*\w+\d+:\d+ ", line)]
            if len(lines) >= 5:
                yield dict(id=f"bible-{book}-{chapter}", title=f"{book} {chapter}", kind="book", language="English",
                           text="\n".join(lines), group=f"bible-{book}-{chapter // 5}", source="bible-kjv-text",
                           version=index["bible-kjv-text"]["Version"],
                           licence="public domain")


# ----------------------------------------------------------------------------------------------------------- main

def collect(apt):
    apt.refresh()
    index = apt.index()
    english, chinese = apt.descriptions("en"), apt.descriptions("zh_CN")
    yield from package_documents(index, chinese)
    yield from description_documents(index, english, chinese)
    small = [n for n, f in index.items() if 4000 <= int(f["Size"]) <= 40000 and "dbgsym" not in n]
    names = [n for n in MANUALS if n in index] + sorted(small, key=rank)[:HASHED_PACKAGES]
    names = list(dict.fromkeys(names))
    apt.download(BOOKS + names)
    handbook = apt.unpack("debian-handbook")
    yield from handbook_documents(handbook, index)
    policy = apt.unpack("debian-policy")
    yield from plain_book(policy / "usr/share/doc/debian-policy/policy.txt.gz", policy, "debian-policy", index)
    reference = apt.unpack("developers-reference")
    yield from plain_book(reference / "usr/share/developers-reference/developers-reference.txt.gz", reference,
                          "developers-reference", index)
    yield from bible_documents(apt.unpack("bible-kjv-text"), apt.unpack("bible-kjv"), index)
    for name in names:
        folder = apt.unpack(name)
        yield from changelog_document(folder, name, index)
        yield from manual_documents(folder, name, index, 1000 if name == "manpages-zh" else 40)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, default=Path(".cache/documents"))
    parser.add_argument("--output", type=Path, default=Path(".cache/documents/documents.jsonl"))
    options = parser.parse_args()
    if not all(os.path.exists(p) for p in ("/usr/bin/apt-get", "/usr/bin/dpkg-deb")):
        sys.exit("fetch_documents: needs apt-get and dpkg-deb, that is Debian 12 (other releases give other documents)")
    counts, seen = {}, set()
    options.cache.mkdir(parents=True, exist_ok=True)
    temporary = options.output.with_name(options.output.name + ".partial")
    temporary.parent.mkdir(parents=True, exist_ok=True)
    with temporary.open("w", encoding="utf-8") as out:
        for document in collect(Apt(options.cache)):
            if document["id"] in seen:
                continue
            seen.add(document["id"])
            out.write(json.dumps(document, ensure_ascii=False) + "\n")
            key = (document["kind"], document["language"])
            counts[key] = counts.get(key, 0) + 1
    temporary.rename(options.output)
    for (kind, language), count in sorted(counts.items()):
        print(f"{count:6} {kind} ({language})")


if __name__ == "__main__":
    main()
