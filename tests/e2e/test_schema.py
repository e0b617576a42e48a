#!/usr/bin/python3
"""The JSON Schema against an independent validator: it takes every right file, and refuses
each wrong one whose fault a schema can see."""
import glob
import json
import os
import re
import tempfile

import tt

MODELINE = "# yaml-language-server: $schema=../taskthread.schema.json"

# What a schema must see, by what the daemon says of it.
VISIBLE = {
    "a key that is none": r"no option |no kind |looks like a|has no legal name|is no key|\.\.\.\} in a key",
    "it stands in another place": r"stands (under|below) |never stands below|stands at the top level"
                                  r"|has no children$|has no (IN|UP): |sends nothing UP|has no MasterThread$",
    "it is missing": r"is missing$|names no file|has no value|is an empty list|is nothing, not|, not nothing$",
    "it is of another shape": r"cannot be a |names a channel, not a",
    "a channel": r"is no name for a channel|names \"\w+\" twice|exactly one channel|at least one channel",
    "a word that is none": r"has no choice ",
    "a number without its unit": r"\"[^$\"]*\" is no (size|duration|range of durations)$|is not hexadecimal",
    "${...} that is none": r"is not closed by|does not say where|is no name of an? |no such source"
                           r"|does not begin with /$",
    "an address or a path": r"is only a port|has no host$|has no absolute path|does not begin with ws"
                            r"|is not a websocket's|has a fragment|has a user in it|~ is the shell's"
                            r"|more than 256$",
}

RANGE = "a number with a unit, or in quotes, has its range in words"

# What a schema cannot see, by what the daemon says of it; each with a reason.
INVISIBLE = {
    "a file that another one includes need not say it": r"does not say \"taskthread: 1\"",
    "it is not had until the daemon looks": r"cannot be had|\"\$\{env:\w+:-|cannot be read|is no file|includes itself",
    "it is in the wiring": r"nobody |does not (send|take) \"|in a circle|has one source|reads what the device sends|reads one stream|never goes UP|get twice",
    "two nodes share it": r"is taken in|all addresses .* are taken",
    "it is about several nodes": r"memory \S+ is|daemon\.memory is|window of|stands once under|has no TCPConnectionThread|no WebSocketSubThread"
                                 r"|are siblings of one kind|has siblings|a second MasterThread|durable|may drop frames"
                                 r"|a count is of one channel|has no destination|without url"
                                 r"|keeps what destinations have not confirmed|has no url, and",
    "a kind has a rule over its options": r"does not go with|needs \"|goes with wss|goes with its key|a length has"
                                          r"|a delimiter of|leaves no length|keeps its header|size .* is not in"
                                          r"|ends before it begins|is no name of a header"
                                          r"|a fixed frame has|retain has no rows|goes with url$|is for viewers"
                                          r"|this is no (path|token)$|is no origin$",
    RANGE: r"is not in \S+\.\.\S+$|is less than|is too large",
    "YAML keeps one of two, or makes a number of a text": r"stands here twice|has more than one colon"
                                                          r"|neither true nor false|is no whole number|is not known",
    "an alias or a merge key is gone when a schema sees the file": r"stands inside of|<< |\*\w+ stands for",
    "it is a rule about the text's bytes": r"is no absolute path|name has \d+ bytes|has no port|is localhost|holds a"
                                           r"|path begins|neither a name nor an address|nested deeper"
                                           r"|is no single address",
}


def load(text):
    """The document as an editor has it, or None where it is no YAML."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Dates are texts, as in YAML 1.2 and as the daemon has it."""

    Loader.yaml_implicit_resolvers = {
        k: [(tag, r) for tag, r in v if tag != "tag:yaml.org,2002:timestamp"]
        for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}
    try:
        return yaml.load(text, Loader)
    except (yaml.YAMLError, RecursionError, TypeError, ValueError):
        return None


def validator():
    try:
        import jsonschema
        import yaml                     # noqa: F401
    except ImportError as e:
        raise tt.Skip("python3-jsonschema and python3-yaml are not installed: %s" % e)
    schema = json.loads(tt.run("--schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def faults(v, text):
    document = load(text)
    return None if document is None else list(v.iter_errors(document))


def files(pattern):
    found = sorted(glob.glob(os.path.join(tt.TOP, pattern)))
    assert found, pattern
    for path in found:
        with open(path, "rb") as f:
            yield path, f.read()


def test_right_files_pass():
    v = validator()
    for path, text in files("config/examples/*.yaml"):
        assert faults(v, text) == [], (path, faults(v, text))
        assert text.decode().split("\n")[0] == MODELINE, path
    for path, text in files("config/examples/*/*.yaml"):       # parts, that others include
        assert faults(v, text) == [], (path, faults(v, text))
        assert text.decode().split("\n")[0] == MODELINE.replace("../", "../../"), path
    texts = re.findall(r"(?m)^    taskthread: 1\n(?:    .*\n|\n)+", open(os.path.join(tt.TOP, "README")).read())
    assert texts
    texts = [re.sub(r"(?m)^    ", "", t).split("\n\n    $")[0].split("\n$ ")[0] for t in texts]
    with open(os.path.join(tt.TOP, "config/taskthread.yaml.5")) as f:
        page = f.read()
    shown = [b.replace("\\e", "\\") for b in re.findall(r"(?s)\.Bd -literal.*?\n(.*?)\.Ed", page)
             if b.startswith("taskthread: 1")]
    assert len(shown) >= 2, shown
    for text in texts + shown:
        assert faults(v, text) == [], (text, faults(v, text))


def test_what_is_described_passes():
    v = validator()
    for kind in re.findall(r"(?m)^(\w+Thread)\b", tt.run("--kinds").stdout):
        node = load(tt.run("--describe", kind).stdout)[kind]
        found = [e for e in v.iter_errors({"taskthread": 1, "MasterThread": {}}) if e]
        assert found == [], found
        sub = v.evolve(schema=dict(v.schema["$defs"][kind], **{"$defs": v.schema["$defs"]}))
        assert list(sub.iter_errors(node)) == [], (kind, list(sub.iter_errors(node)))


def reasons(table, message):
    return {r for r, pattern in table.items() if re.search(pattern, message)}


def test_wrong_files_fail():
    """Each wrong file is no YAML, or is of a class that a schema sees, or of one that it
    cannot see.  A new one that is of neither is to be put into one of the tables."""
    v = validator()
    seen, wrong, used = 0, [], set()
    for path, text in files("tests/bad/*.yaml"):
        message = text.split(b"\n")[0].decode("utf-8", "replace")
        visible, invisible = reasons(VISIBLE, message), reasons(INVISIBLE, message)
        found = faults(v, text)
        if found is None:
            continue
        used |= visible if found else invisible
        seen += len(found) > 0
        if not visible and not invisible:
            wrong.append("of no class: %s: %s" % (os.path.basename(path), message))
        elif not found and visible:
            wrong.append("not seen: %s: %s" % (os.path.basename(path), message))
    assert not wrong, "\n" + "\n".join(wrong)
    assert seen >= 100, seen
    unused = (set(VISIBLE) | set(INVISIBLE)) - used
    assert not unused, "classes that no file is of: %s" % unused


def test_one_fault_is_reported_once():
    v = validator()
    tree = "taskthread: 1\nMasterThread:\n  DatabaseThread%s:\n    path: a.db\n    %s\n"
    for name in ("", " a"):
        for line in ("pth: x", "linger: 5", "durability: fll", "UP: data", "TimerThread: {text: x}", "queue: {byts: 1}"):
            found = faults(v, tree % (name, line))
            assert len(found) == 1, (name, line, [e.message for e in found])


# Values to try where one of a form may stand, some right and some wrong; those at the
# edges of an option's range come from its own schema.
FORMS = {
    "text": ["x", 7, True, 1.5, [], {}],
    "texts": [{"a": "b", "c": 7}, {"a": []}, "x", []],
    "text_or_texts": ["*", "https://a.example", ["https://a.example", "*"], {}, [], [[]], [{"a": "b"}]],
    "path": ["a.db", 7, "/tmp/a.db", "~/a.db", "", [], {}],
    "switch": [True, False, "yes", "no", "on", "off", "true", "false", "perhaps", 1, "", [], {"a": 1}],
    "number": ["", "many", "1.5", 1.5, True, [], {}],
    "size": ["1MiB", "2000000B", "", "64k", "64 KiB", "1.5MiB", "10Mb", "-1", [], {}],
    "duration": ["500ms", "10s", "5m", "1h", "7d", 10, "10", "10 s", "1.5s", "10sec", "-1s", "1m30s", "", [], {}],
    "duration_range": ["500ms..60s", "1s..1m", "5s", "500ms-60s", "1s...2s", "..", "", [], {}],
    "bytes": ["x", 7, {"hex": "0d 0a"}, {"hex": "0D0a"}, {"hex": "0"}, {"hex": "zz"}, {"hexx": "00"}, {}, []],
    "addresses": ["127.0.0.1:0", "[::1]:0", "localhost:0", "unix:/tmp/a.sock", ["127.0.0.1:0", "unix:/a"], 5002,
                  "5002", ":5002", "::1:5002", "127.0.0.1:65536", "unix:a", "a b:1", "", [], {}, [[]]],
    "url": ["wss://localhost", "WSS://127.0.0.1:1/a?b", "wss://a.example:8080/", "http://a", "wss://", "wss://u@a/",
            "wss://a/#b", "wss://a:65536/", "a", "", 7, [], {}],
    "elsewhere": ["${evn:A}", "${"],
}

def variants(s):
    """The schemas of which a value may be any one."""
    yield s
    for one in s.get("anyOf", []):
        yield from variants(one)


def form(s):
    return s.get("$ref", "").split("/")[-1]


def options(v, node):
    """The path of each option of NODE, and its schema; those in groups, too."""
    for name, o in sorted(node["properties"].items()):
        if name in ("IN", "UP") or form(o)[:1].isupper():
            continue
        yield (name,), o
        for one in variants(o):
            if form(one) and form(one) not in FORMS:
                for path, member in options(v, v.schema["$defs"][form(one)]):
                    yield (name,) + path, member


# What must stand in a group.
BESIDE = {("WebsocketMasterThread", "tls"): {"cert": "a.pem", "key": "a.key"}}


def values(o, kind, path):
    found = list(FORMS["elsewhere"]) + [BESIDE[kind, name] for name in path[-1:] if (kind, name) in BESIDE]
    for one in variants(o):
        found += FORMS.get(form(one), [{}, [], "no_such_word", {"no_such_option": 1}] if form(one) else [])
        found += [e + d for e, d in ((one.get("minimum"), -1), (one.get("maximum"), 1)) if e is not None]
        found += [e for e in (one.get("minimum"), one.get("maximum")) if e is not None]
        found += [str(e) for e in (one.get("minimum"), one.get("maximum")) if e is not None]
        # What YAML 1.1 makes of `off` is no word for the daemon.
        found += [w for w in one.get("enum", []) if not isinstance(w, bool)] + ["no_such_word"] * ("enum" in one)
    if "default" in o:
        found += [o["default"], "${env:TASKTHREAD_NO_SUCH_VARIABLE:-%s}" % str(o["default"]).lower()]
    return {json.dumps(e): e for e in found + o.get("examples", [])}.values()


def tree():
    """A right file with a thread of each kind, and where each is in it."""
    master = {"TCPServerThread": {"listen": "127.0.0.1:0", "TCPConnectionThread": {
                  "DataProcessorThread": {"framing": {"type": "newline"}}}},
              "WebsocketMasterThread": {"WebSocketSubThread": {"url": "wss://a.example/"}},
              "DatabaseThread": {"path": "a.db"}, "TimerThread": {"text": "x"}}
    file = {"taskthread": 1, "daemon": {"state_dir": "/nonexistent"}, "MasterThread": master}
    places, waiting = {"daemon": file["daemon"]}, [file]
    while waiting:
        for name, below in waiting.pop().items():
            if name.endswith("Thread"):
                places[name] = below
                waiting.append(below)
    return file, places


def said(directory, file):
    """What --check has against FILE."""
    path = os.path.join(directory, "t.yaml")
    with open(path, "w") as f:
        json.dump(file, f)
    r = tt.run("--check", path)
    assert r.returncode in (0, 78), (file, r)
    return None if r.returncode == 0 else re.findall(r"(?m)^\S+?:\d+:\d+: error: (.*)$", r.stderr)


def test_the_daemon_says_the_same():
    """What the schema refuses, the daemon refuses; what the schema takes, the daemon takes,
    or has a reason that a schema cannot see."""
    v = validator()
    kinds = {k: s for k, s in v.schema["$defs"].items() if k[:1].isupper() and "." not in k}
    kinds["daemon"] = v.schema["properties"]["daemon"]
    assert kinds.keys() == tree()[1].keys()
    with tempfile.TemporaryDirectory(prefix="taskthread-") as d:
        assert said(d, tree()[0]) is None, said(d, tree()[0])
        for kind, node in sorted(kinds.items()):
            for path, o in options(v, node):
                verdicts = [compare(v, d, kind, path, value) for value in values(o, kind, path)]
                assert True in verdicts and False in verdicts, (kind, path, verdicts)


def compare(v, directory, kind, path, value):
    """The verdict of both over VALUE at PATH of a thread of KIND."""
    file, places = tree()
    at = places[kind]
    for name in path[:-1]:
        at = at.setdefault(name, dict(BESIDE.get((kind, name), {})))
    at[path[-1]] = value
    taken = not list(v.iter_errors(file))
    errors = said(directory, file)
    if errors is None:
        assert taken, "the schema refuses what the daemon takes: %s %s %r: %s" % (
            kind, ".".join(path), value, [e.message for e in v.iter_errors(file)])
    elif taken:
        for e in errors:
            assert reasons(INVISIBLE, e) - ({RANGE} if isinstance(value, int) else set()), "the schema takes what the daemon refuses: %s %s %r: %s" % (
                kind, ".".join(path), value, e)
    return taken


if __name__ == "__main__":
    tt.main()
