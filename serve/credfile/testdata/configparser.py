"""Reads files with Python's configparser as botocore does, and checks what credfile made of them.

One JSON object a line on standard input: before and after (base64), section, set, removed. What is wrong comes out one line
each; the last line says how many files configparser has read.
"""

import base64
import configparser
import io
import json
import shlex
import sys


def name(header):
    """The section that a header names, quotes and white space aside."""
    try:
        words = shlex.split(header)
    except ValueError:
        return header
    if words == ["profile", "default"]:
        return "default"
    return " ".join(words)


def read(data):
    """Sections by header, or None where configparser gives up at once."""
    # Not strict: where botocore refuses what stands twice, the later one counts. Interpolation is off, as in botocore.
    parser = configparser.RawConfigParser(strict=False)
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="surrogateescape")
    try:
        parser.read_file(text)
    except configparser.MissingSectionHeaderError:
        return None
    except configparser.ParsingError:
        pass  # lines without a delimiter; the rest has been read
    return {s: dict(parser.items(s)) for s in parser.sections()}


def check(case):
    before, after = (read(base64.b64decode(case[k])) for k in ("before", "after"))
    if before is None or after is None:
        return after is not before, "configparser reads one of them and not the other", False
    ours = name(case["section"])
    seen = {h for h in after if name(h) == ours}
    for header in seen:
        for key, value in case["set"].items():
            if after[header].get(key) != value:
                return True, f"[{header}] {key} is {after[header].get(key)!r}, want {value!r}", True
        for key in case["removed"]:
            if key in after[header]:
                return True, f"[{header}] {key} is still there", True
    if case["set"] and not seen:
        return True, "the section is not there", True
    touched = set(case["set"]) | set(case["removed"])
    rest = []
    for sections in (before, after):
        kept = {}
        for header, settings in sections.items():
            if name(header) == ours:
                settings = {k: v for k, v in settings.items() if k not in touched}
                if not settings:
                    continue
            kept[header] = settings
        rest.append(kept)
    return rest[0] != rest[1], f"the rest differs: {rest}", True


count = 0
for number, line in enumerate(sys.stdin):
    wrong, what, understood = check(json.loads(line))
    count += understood
    if wrong:
        print(f"file {number}: {what}")
print(count)
