#!/usr/bin/python3
"""The JSON Schema against an independent validator: it takes every right file, and refuses
each wrong one whose fault a schema can see."""
import glob
import json
import os
import re
import subprocess
import tempfile

import tt

MODELINE = "# yaml-language-server: $schema=../taskthread.schema.json"

# What a schema cannot see, by what the daemon says of it; each with a reason.
INVISIBLE = {
    "it is not had until the daemon looks": r"cannot be had|\"\$\{env:\w+:-|cannot be read|is no file|includes itself",
    "it is in the wiring": r"nobody |in a circle|has one source|reads what the device sends|reads one stream|never goes UP|get twice",
    "two nodes share it": r"is taken in|all addresses .* are taken",
    "it is about several nodes": r"memory|window of|stands once under|has no TCPConnectionThread|no WebSocketSubThread"
                                 r"|are siblings of one kind|has siblings|a second MasterThread|durable|may drop frames"
                                 r"|a count is of one channel|has no destination",
    "a kind has a rule over its options": r"does not go with|needs \"|goes with wss|goes with its key|a length has"
                                          r"|a delimiter of|leaves no length|keeps its header|size .* is not in"
                                          r"|ends before it begins|is no name of a header"
                                          r"|a fixed frame has",
    "a number with a unit has its range in words": r"is not in \S+\.\.\S+$|is less than|is too large",
    "YAML keeps one of two, or makes a number of a text": r"stands here twice|has more than one colon"
                                                          r"|neither true nor false|is no whole number|is not known",
    "an alias or a merge key is gone when a schema sees the file": r"stands inside of|<< |\*\w+ stands for",
    "it is a rule about the text's bytes": r"is no absolute path|name has|has no port|is localhost|holds a"
                                           r"|path begins|neither a name nor an address|nested deeper",
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


def test_wrong_files_fail():
    v = validator()
    seen, passed, used = 0, [], set()
    for path, text in files("tests/bad/*.yaml"):
        message = text.split(b"\n")[0].decode("utf-8", "replace")
        found = faults(v, text)
        reasons = [r for r, pattern in INVISIBLE.items() if re.search(pattern, message)]
        if found is None or found:
            seen += 1
            continue
        used.update(reasons)
        if not reasons:
            passed.append("%s: %s" % (os.path.basename(path), message))
    assert not passed, "a schema could see, but this one does not:\n" + "\n".join(passed)
    assert seen >= 100, seen
    assert used == set(INVISIBLE), "reasons that no file has: %s" % (set(INVISIBLE) - used)


def test_one_fault_is_reported_once():
    v = validator()
    tree = "taskthread: 1\nMasterThread:\n  DatabaseThread%s:\n    path: a.db\n    %s\n"
    for name in ("", " a"):
        for line in ("pth: x", "linger: 5", "durability: fll", "UP: data", "TimerThread: {text: x}", "queue: {byts: 1}"):
            found = faults(v, tree % (name, line))
            assert len(found) == 1, (name, line, [e.message for e in found])


# Values at the edge of what an option takes: those inside, and those outside that a
# schema can see.
def edges(o):
    for s in o.get("anyOf", [o]):
        if "minimum" in s:
            yield s["minimum"], True
            yield s["minimum"] - 1, False
        if "maximum" in s:
            yield s["maximum"], True
            yield s["maximum"] + 1, False
        for choice in s.get("enum", []):
            if not isinstance(choice, bool):        # what YAML 1.1 made of a word
                yield choice, True
        if s.get("enum"):
            yield "no_such_word", False
        if "pattern" in s and "ms|s|m|h|d" in s["pattern"]:
            for wrong in ("10", "10 s", "1.5s", "10sec", "-1s"):
                yield wrong, False
        if "pattern" in s and "[KMGT]iB" in s["pattern"]:
            for wrong in ("64k", "64 KiB", "1.5MiB", "10Mb"):
                yield wrong, False
    if "default" in o:
        yield o["default"], True


def test_the_daemon_says_the_same():
    """Of each kind alone, what the daemon says of one option's value is what the schema
    does.  Other mistakes of so small a tree are not its business."""
    v = validator()
    with tempfile.TemporaryDirectory(prefix="taskthread-") as d:
        tried = 0
        for kind, node in sorted(v.schema["$defs"].items()):
            for name, o in sorted(node["properties"].items()):
                if name in ("IN", "UP") or "$ref" in o or "." in kind:
                    continue
                for value, right in edges(o):
                    document = {name: value}
                    sub = v.evolve(schema={"properties": {name: o}, "$defs": v.schema["$defs"]})
                    assert (list(sub.iter_errors(document)) == []) == right, (kind, name, value, right)
                    tried += 1
                    assert daemon_takes(d, kind, name, value) == right, (kind, name, value, right)
        assert tried > 100, tried


def daemon_takes(directory, kind, name, value):
    """Whether --check has nothing to say of that one value, wherever the kind stands."""
    above = {"TCPConnectionThread": ["TCPServerThread"], "WebSocketSubThread": ["WebsocketMasterThread"],
             "DataProcessorThread": ["TCPServerThread", "TCPConnectionThread"]}.get(kind, [])
    path = [] if kind == "MasterThread" else above + [kind]
    text = "taskthread: 1\nMasterThread:\n" + "".join("  " * (i + 1) + p + ":\n" for i, p in enumerate(path))
    line = text.count("\n") + 1
    text += "  " * (len(path) + 1) + "%s: %s\n" % (name, json.dumps(value))
    file = os.path.join(directory, "t.yaml")
    with open(file, "w") as f:
        f.write(text)
    r = subprocess.run([tt.DAEMON, "--check", file], capture_output=True, text=True, timeout=tt.DEADLINE)
    own = [m for m in re.findall(r"(?m)^\S+?:%d:\d+: error: (.*)$" % line, r.stderr) if name in m]
    return not [m for m in own if re.search(r"\b%s\b.*( is | has | no choice|cannot be)" % name, m)]


if __name__ == "__main__":
    tt.main()
