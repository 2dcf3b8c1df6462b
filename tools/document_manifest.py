#!/usr/bin/env python3
"""Writes which documents the rows of a dataset come from, with their sources and licences, as Markdown.

    tools/document_manifest.py --documents documents.jsonl --output MANIFEST.md train.jsonl eval.jsonl
"""

import argparse
import json
from pathlib import Path

INTRODUCTION = """# Where the demo's questions come from

Every context in {files} is a verbatim part of a document of Debian 12 (bookworm, main), taken by
`tools/fetch_documents.py`; the questions were made from them by the task plugins with `golong data make`
(`tools/make_demo_data.sh` holds the commands). E-mail addresses were removed from changelogs. The excerpts keep the
licence of their source, which is not the licence of golong; all of Debian main is free software in the sense of the
Debian Free Software Guidelines. Licence names stand as each package's `debian/copyright` gives them, the full texts at
`https://metadata.ftp-master.debian.org/changelogs/main/` and in `/usr/share/doc/PACKAGE/copyright` of an installed
package.

{rows} rows from {documents} documents:

| kind | language | documents | rows | what it is |
|---|---|---|---|---|
{kinds}
"""
KINDS = {
    "packages": "stanzas of the package index, as `apt-cache show` prints them (name, version, section, size)",
    "listing": "packages with their short descriptions, as `apt-cache search` prints them",
    "description": "a package's description, with its first line as the summary",
    "changelog": "`changelog.Debian` of a package",
    "manual": "a manual page as plain text",
    "book": "handbooks, the Debian policy, the King James Bible",
}


def read(path):
    with Path(path).open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def kinds_table(used, rows_of):
    groups = {}
    for document in used:
        entry = groups.setdefault((document["kind"], document["language"]), [0, 0])
        entry[0] += 1
        entry[1] += rows_of[document["id"]]
    return "\n".join(f"| {kind} | {language} | {documents} | {rows} | {KINDS.get(kind, '')} |"
                     for (kind, language), (documents, rows) in sorted(groups.items()))


def sources_table(used, rows_of):
    sources = {}
    for document in used:
        key = (document["source"], document["version"], document["licence"])
        entry = sources.setdefault(key, {"kinds": set(), "rows": 0})
        entry["kinds"].add(document["kind"])
        entry["rows"] += rows_of[document["id"]]
    lines = []
    for (source, version, licence), entry in sorted(sources.items()):
        lines.append(f"| {source} | {version} | {', '.join(sorted(entry['kinds']))} | {entry['rows']} | {licence} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("rows", nargs="+", type=Path)
    options = parser.parse_args()
    rows_of = {}
    total = 0
    for path in options.rows:
        for row in read(path):
            total += 1
            for document in row["extra_info"]["documents"]:
                rows_of[document] = rows_of.get(document, 0) + 1
    used = [document for document in read(options.documents) if document["id"] in rows_of]
    missing = set(rows_of) - {document["id"] for document in used}
    if missing:
        raise SystemExit(f"document_manifest: {options.documents} lacks {len(missing)} documents of the rows, "
                         f"for example {sorted(missing)[0]}; they were made from other documents")
    text = INTRODUCTION.format(files=" and ".join(f"`{path.name}`" for path in options.rows), rows=total,
                               documents=len(used), kinds=kinds_table(used, rows_of))
    text += "\n## Sources\n\n| source package | version | used as | rows | licence |\n|---|---|---|---|---|\n"
    options.output.write_text(text + sources_table(used, rows_of) + "\n", encoding="utf-8")
    print(f"written: {options.output} ({len(used)} documents)")


if __name__ == "__main__":
    main()
