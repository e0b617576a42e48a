"""oracle.py - says of a hierarchy file whether it is right, by another program.

It has nothing of the daemon's but what the manual says, and the JSON Schema: PyYAML
takes the file apart, jsonschema knows the options, and here is a model of the rules about
channels and places, by names and sets.  faults() returns what is wrong, one pair of a rule
and a text for each, or an empty list."""
import collections
import glob
import ipaddress
import json
import os
import re

import yaml

LEVELS = 64
VALUES = 100000
NODES = 4096
RESERVED = {"connection", "recent", "refused"}
STATE_DIRS = "/var/lib/taskthread"

# Of each kind: its parents (any), its usual channels, whether what it takes ends there,
# whether it has children, and how many channels it may name: one, or any number.
Kind = collections.namedtuple("Kind", "under takes sends ends leaf many")
KINDS = {
    "MasterThread": Kind([], None, None, False, False, True),
    "TCPServerThread": Kind(None, None, "data", False, False, True),
    "TCPConnectionThread": Kind(["TCPServerThread"], None, "data", False, False, True),
    "DataProcessorThread": Kind(["TCPConnectionThread"], "packets", "data", True, True, False),
    "WebsocketMasterThread": Kind(None, "data", None, True, False, True),
    "WebSocketSubThread": Kind(["WebsocketMasterThread"], "data", None, True, True, True),
    "DatabaseThread": Kind(None, "data", None, True, True, True),
    "TimerThread": Kind(None, None, "data", True, True, False),
}
NEVER_ON_DEMAND = {"DatabaseThread", "WebsocketMasterThread", "WebSocketSubThread"}


class Wrong(Exception):
    """Nothing follows from the file."""


class Scalar:
    def __init__(self, text, plain):
        self.text, self.plain = text, plain
        self.taken = None               # what stands there once sources are put in
        self.unknown = False

    def value(self):
        return self.text if self.taken is None else self.taken

    def is_empty(self):
        return self.plain and self.text == ""


class List:
    def __init__(self):
        self.items = []


class Map:
    def __init__(self):
        self.pairs = []

    def get(self, name):
        for key, value in self.pairs:
            if isinstance(key, Scalar) and key.text == name:
                return value
        return None


# --- YAML ---------------------------------------------------------------------

class Reader:
    """One document, from libyaml's events: aliases stand for what they name."""

    def __init__(self, text, said):
        self.said = said
        self.anchors, self.open, self.count = {}, set(), 0
        self.tags = {}
        try:
            self.events = list(yaml.parse(text, Loader=yaml.CSafeLoader))
        except (yaml.YAMLError, UnicodeError) as e:
            raise Wrong("yaml", str(e))
        documents = [e for e in self.events if isinstance(e, yaml.DocumentStartEvent)]
        if len(documents) != 1:
            raise Wrong("yaml", "%d documents" % len(documents))
        self.events = iter(self.events[2:])

    def read(self, depth=0):
        return self.event(next(self.events), depth)

    def event(self, e, depth):
        self.count += 1
        if depth > LEVELS or self.count > VALUES:
            raise Wrong("bound", "too deep, or too much")
        if isinstance(e, yaml.AliasEvent):
            if e.anchor not in self.anchors or self.anchors[e.anchor] in self.open:
                raise Wrong("alias", e.anchor)
            return self.anchors[e.anchor]
        v = (Scalar(e.value, not e.style) if isinstance(e, yaml.ScalarEvent)
             else List() if isinstance(e, yaml.SequenceStartEvent) else Map())
        if e.tag is not None:
            self.tags[v] = e.tag
        if e.anchor is not None:
            self.anchors[e.anchor] = v
        self.open.add(v)
        if isinstance(v, List):
            for item in self.until(yaml.SequenceEndEvent, depth):
                v.items.append(item)
        elif isinstance(v, Map):
            both = list(self.until(yaml.MappingEndEvent, depth))
            v.pairs = list(zip(both[::2], both[1::2]))
            self.merge(v)
        self.open.discard(v)
        return v

    def until(self, end, depth):
        while not isinstance(e := next(self.events), end):
            yield self.event(e, depth + 1)

    def merge(self, mapping):
        """Keys of its own, then those of each mapping behind <<: the first holds."""
        merges = [v for k, v in mapping.pairs if isinstance(k, Scalar) and k.plain and k.text == "<<"]
        if len(merges) > 1 or any(k in self.tags or v in self.tags for k, v in mapping.pairs if v in merges):
            self.said.append(("merge", "twice, or with a tag"))
        if not merges:
            return
        own = [(k, v) for k, v in mapping.pairs if not (isinstance(k, Scalar) and k.plain and k.text == "<<")]
        names = {k.text for k, v in own if isinstance(k, Scalar)}
        for m in merges[0].items if isinstance(merges[0], List) else [merges[0]]:
            if not isinstance(m, Map) or m in self.tags:
                self.said.append(("merge", "no mapping"))
                continue
            repeated(m, self.said)
            for k, v in m.pairs:
                if not isinstance(k, Scalar) or k.text not in names:
                    own.append((k, v))
            names.update(k.text for k, v in m.pairs if isinstance(k, Scalar))
        mapping.pairs = own


def repeated(mapping, said):
    names = [k.text for k, v in mapping.pairs if isinstance(k, Scalar)]
    for name, n in collections.Counter(names).items():
        if n > 1:
            said.append(("duplicate", name))


def source(inside, environment):
    """What ${inside} stands for; None where it is elsewhere and is not there."""
    m = re.fullmatch(r"env:([A-Za-z_]\w*)(?::-(.*))?", inside, re.DOTALL | re.ASCII)
    if m:
        value = environment.get(m[1])
        return m[2] if m[2] is not None and not value else value
    if re.match(r"file:/", inside) or re.fullmatch(r"credential:(?!\.\.?$)[^/]+", inside, re.DOTALL):
        return None
    raise Wrong("source", inside)


def put_in(scalar, environment):
    if "${" not in scalar.text:
        return
    out, at, text = "", 0, scalar.text
    while at < len(text):
        if text.startswith("$${", at):
            out, at = out + "${", at + 3
        elif text.startswith("${", at):
            end = text.find("}", at)
            if end < 0:
                raise Wrong("source", text)
            value = source(text[at + 2:end], environment)
            if value is None:
                scalar.unknown = True
                return
            out, at = out + value, end + 1
        else:
            out, at = out + text[at], at + 1
    scalar.taken, scalar.plain = out, False


def check_values(value, reader, environment, is_root):
    """What no file may have: tags, keys that are none, keys that stand there twice."""
    if value in reader.tags:
        reader.said.append(("tag", reader.tags[value]))
    if isinstance(value, Scalar):
        put_in(value, environment)
    for item in value.items if isinstance(value, List) else []:
        check_values(item, reader, environment, False)
    if not isinstance(value, Map):
        return
    repeated(value, reader.said)
    for key, v in value.pairs:
        if (not isinstance(key, Scalar) or key.text == "" or "\0" in key.text or "${" in key.text
                or key in reader.tags):
            raise Wrong("key", "none")
        if not (is_root and key.text.startswith("x-")):
            check_values(v, reader, environment, False)


def read(text, environment, said):
    try:
        text = text.decode("utf-8")
    except UnicodeDecodeError as e:
        raise Wrong("yaml", str(e))
    if "\0" in text or "\ufeff" in text[1:]:
        raise Wrong("yaml", "characters that no text has")
    reader = Reader(text, said)
    root = reader.read()
    if not isinstance(root, Map):
        raise Wrong("yaml", "no mapping")
    check_values(root, reader, environment, True)
    return root


def include(root, files, environment, said):
    """What the files that ROOT includes say is ROOT's, too."""
    says = root.get("include")
    for item in [] if says is None else says.items if isinstance(says, List) else [says]:
        if not isinstance(item, Scalar) or item.unknown or item.value() == "":
            said.append(("include", "no path"))
            continue
        path = os.path.join(os.path.dirname(files[-1]), item.value())
        is_glob = re.search(r"[*?\[]", item.value())
        for name in sorted(glob.glob(path)) if is_glob else [path]:
            if is_glob and not os.path.isfile(name):
                continue
            if not os.path.isfile(name) or name in files:
                said.append(("include", name))
                continue
            files.append(name)
            with open(name, "rb") as f:
                more = read(f.read(), environment, said)
            include(more, files, environment, said)
            version(more, said, False)
            files.remove(name)
            join(root, more, said, True)


def join(into, more, said, is_root):
    for key, value in more.pairs:
        mine = into.get(key.text)
        if is_root and (key.text in ("taskthread", "include") or key.text.startswith("x-")):
            continue
        if mine is None:
            into.pairs.append((key, value))
        elif isinstance(mine, Map) and isinstance(value, Map):
            join(mine, value, said, False)
        elif isinstance(mine, Scalar) and mine.is_empty():
            into.pairs = [(k, value if k.text == key.text else v) for k, v in into.pairs]
        elif not (isinstance(value, Scalar) and value.is_empty()):
            said.append(("include", "twice: " + key.text))


# --- the schema ---------------------------------------------------------------

def plain_data(value):
    """VALUE as an editor has it, by YAML 1.2's core schema."""
    if isinstance(value, Map):
        return {k.text: plain_data(v) for k, v in value.pairs}
    if isinstance(value, List):
        return [plain_data(v) for v in value.items]
    text = value.text
    if not value.plain or value.taken is not None:
        return text
    if re.fullmatch(r"~|null|Null|NULL|", text):
        return None
    if re.fullmatch(r"true|True|TRUE|false|False|FALSE", text):
        return text.lower() == "true"
    if re.fullmatch(r"[-+]?[0-9]+", text, re.ASCII):
        return int(text[:400])
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text, re.ASCII):
        return float(text)
    return text


def check_schema(root, validator, said):
    data = {k.text: plain_data(v) for k, v in root.pairs if not k.text.startswith("x-")}
    for e in validator.iter_errors(data):
        said.append(("schema", "%s: %s" % ("/".join(map(str, e.absolute_path)), e.message[:200])))


# --- the tree -----------------------------------------------------------------

class Node:
    def __init__(self, key, parent):
        self.key, self.parent = key, parent
        self.kind = key.split(" ")[0]
        self.rules = KINDS[self.kind]
        self.path = (parent.path + "/" if parent else "") + key
        self.children, self.takes, self.sends = [], [], []
        self.options = Map()
        self.unknown = False

    def above(self):
        node = self
        while node:
            yield node
            node = node.parent

    def option(self, *names):
        """The text that is said for an option, or None."""
        value = self.options
        for name in names:
            value = value.get(name) if isinstance(value, Map) else None
        return value.value() if isinstance(value, Scalar) and not value.unknown else None

    def is_pattern(self):
        return self.kind == "TCPConnectionThread" or (
            self.kind == "WebSocketSubThread" and self.options.get("url") is None)

    def destinations(self):
        return [c for c in self.children if not c.is_pattern()]

    def has_spool(self):
        return (self.kind == "WebsocketMasterThread" and bool(self.destinations())
                and self.option("spool") not in ("off", "no", "false"))

    def is_durable(self):
        return (self.kind == "DatabaseThread" or self.kind == "WebsocketMasterThread" and bool(self.destinations())
                and (self.has_spool() or all(c.option("ack") != "none" for c in self.destinations())))

    def drops(self):
        return (self.option("queue", "when_full") in ("drop_oldest", "drop_newest")
                or self.has_spool() and (self.option("spool", "age") not in (None, "off")
                                         or self.option("spool", "when_full") == "drop_oldest"))


def is_kind(key):
    return re.match(r"[A-Za-z0-9]+Thread( |$)", key) is not None


def is_unknown(value):
    """Something of it is elsewhere, and is not there."""
    if isinstance(value, Scalar):
        return value.unknown
    return any(map(is_unknown, value.items if isinstance(value, List) else [v for k, v in value.pairs]))


def channels(says, usual, node, up, said):
    if says is None:
        return [usual] if usual else []
    if usual is None and (not node.rules.many or (up and node.rules.leaf) or node.kind == "MasterThread"):
        said.append(("channel", node.path + " has no such direction"))
    items = says.items if isinstance(says, List) else [says]
    names = [i.value() if isinstance(i, Scalar) and not i.unknown else "" for i in items]
    for name in names:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name) or name in RESERVED or name.startswith("sqlite_"):
            said.append(("channel", node.path + ": " + name[:80]))
    if len(set(names)) < len(names):
        said.append(("channel", node.path + " names one twice"))
    if (not node.rules.many and len(names) != 1) or (not names and usual and not up):
        said.append(("channel", node.path + " names too few or too many"))
    return list(dict.fromkeys(names))


def build(key, value, parent, said):
    kind, _, name = key.partition(" ")
    if kind not in KINDS or (" " in key and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name)):
        said.append(("key", key[:80]))
        return
    node = Node(key, parent)
    if parent:
        parent.children.append(node)
    place(node, said)
    if isinstance(value, Map):
        node.options = value
    elif not (isinstance(value, Scalar) and value.is_empty()):
        said.append(("value", node.path))
    ways = {}
    for k, v in node.options.pairs:
        if is_kind(k.text):
            build(k.text, v, node, said)
        elif k.text in ("IN", "UP"):
            ways[k.text] = v
        else:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", k.text):
                said.append(("key", k.text[:80]))
            node.unknown |= is_unknown(v)
    node.takes = channels(ways.get("IN"), node.rules.takes, node, False, said)
    node.sends = channels(ways.get("UP"), node.rules.sends, node, True, said)
    if not parent:
        return node


def place(node, said):
    parent, kind = node.parent, node.kind
    if parent is None:
        return
    if node.rules.under is not None and parent.kind not in node.rules.under:
        said.append(("place", node.path))
    elif parent.rules.leaf or (parent.kind == "WebsocketMasterThread" and kind != "WebSocketSubThread"):
        said.append(("place", node.path))
    elif kind in NEVER_ON_DEMAND and any(n.kind == "TCPConnectionThread" for n in parent.above()):
        said.append(("place", node.path))
    elif kind == "TCPConnectionThread" and [c.kind for c in parent.children].count(kind) > 1:
        said.append(("place", node.path))


def version(root, said, is_required):
    says = root.get("taskthread")
    if (says is None and is_required) or (says is not None and (
            not isinstance(says, Scalar) or says.unknown or says.value() != "1")):
        said.append(("version", ""))


# --- channels -----------------------------------------------------------------

def sources(parent, name, but=None):
    """Who sends NAME at PARENT: itself, what its parent sends it and what it makes, or
    children."""
    found = [c for c in parent.children if c is not but and name in c.sends]
    if name in parent.takes:
        found.append("above")
    if parent.kind == "TCPConnectionThread" and name == "packets":
        found.append("made")
    return found


def users(parent, name, but=None):
    found = [c for c in parent.children if c is not but and name in c.takes]
    if name in parent.sends and name != made(parent):
        found.append("above")
    if parent.rules.ends and name in parent.takes:
        found.append("kind")
    return found


def made(node):
    return "packets" if node.kind == "TCPConnectionThread" else None


def check_wiring(parent, said):
    for child in parent.children:
        for name in child.takes:
            if not sources(parent, name, child):
                said.append(("no source", "%s IN %s" % (child.path, name)))
            if child.kind == "DataProcessorThread":
                check_stream(parent, child, name, said)
        for name in child.sends:
            others = users(parent, name, child)
            if not others:
                said.append(("no user", "%s UP %s" % (child.path, name)))
            elif name in child.takes:
                said.append(("both ways", "%s %s" % (child.path, name)))
    for name in parent.takes:
        if not users(parent, name):
            said.append(("no user", "%s IN %s" % (parent.path, name)))
    if made(parent) and not [c for c in parent.children if made(parent) in c.takes]:
        said.append(("no user", "%s makes packets" % parent.path))
    for name in parent.sends:
        below = [c for c in parent.children if name in c.sends]
        if name == made(parent):
            said.append(("packets", parent.path))
        elif not below and not (parent.rules.leaf and parent.rules.sends):
            said.append(("no source", "%s UP %s" % (parent.path, name)))
        if len(below) > 1 and parent.kind == "TCPConnectionThread":
            said.append(("two sources", "%s UP %s" % (parent.path, name)))


def check_stream(parent, child, name, said):
    """A processor reads one stream: the device's bytes, what one before it made, or what comes
    from above, and never what others make that stand beside it."""
    found = sources(parent, name, child)
    if len(found) > 1 or any(isinstance(s, Node) and s.kind != "DataProcessorThread" for s in found):
        said.append(("stream", "%s IN %s" % (child.path, name)))


def becomes(node, name):
    """The channels that NODE sends UP of what it takes as NAME."""
    if node.rules.ends:
        return set(node.sends)
    seen, todo = set(), [name]
    while todo:
        at = todo.pop()
        if at not in seen:
            seen.add(at)
            todo += [up for c in node.children if at in c.takes for up in becomes(c, at)]
    return seen & set(node.sends)


def check_cycle(parent, said):
    edges = collections.defaultdict(set)
    for c in parent.children:
        for name in c.takes:
            edges[name] |= becomes(c, name) - {name}
    left = set(edges)
    while left:
        ends = {n for n in left if not edges[n] & left}
        if not ends:
            said.append(("cycle", parent.path + ": " + " ".join(sorted(left))))
            return
        left -= ends


def way(parent, name, sender):
    """All that get what SENDER, a child of PARENT, sends UP as NAME, as it is."""
    for c in parent.children:
        if c is not sender and name in c.takes:
            yield c
            if not c.rules.ends:
                yield from way(c, name, None)
    if sender is not None and name in parent.sends and parent.parent:
        yield from way(parent.parent, name, parent)


def check_ack(node, said):
    if node.option("ack") not in ("count64", "line") or node.unknown:
        return
    if len(node.sends) != 1:
        said.append(("ack", node.path + " counts one channel"))
        return
    durable = [u for u in way(node.parent, node.sends[0], node) if u.is_durable()]
    if not durable:
        said.append(("ack", node.path + " has no durable user"))
    for u in durable:
        if u.drops():
            said.append(("ack", u.path + " drops"))


# --- what two nodes cannot share ----------------------------------------------

def addresses(node):
    says = node.options.get("listen")
    for item in says.items if isinstance(says, List) else [says]:
        text = item.value() if isinstance(item, Scalar) else ""
        if text.startswith("unix:"):
            yield ("unix", re.sub("//+", "/", text[5:]))
            continue
        host, _, port = text.rpartition(":")
        if not re.fullmatch("[0-9]+", port) or int(port) == 0:
            continue
        yield (int(port), host)


def spaces(host):
    """The addresses that HOST stands for, as a set of (version, address or None: all)."""
    if host.lower() == "localhost":
        return {(4, "127.0.0.1"), (6, "::1")}
    try:
        bare = host[1:-1] if host.startswith("[") else host
        address = ipaddress.ip_address(bare)
    except ValueError:
        return {("name", host.lower())}
    if getattr(address, "scope_id", None):
        return {("name", bare)}
    return {(address.version, None if address.is_unspecified else address.compressed)}


def overlap(a, b):
    if a[0] != b[0]:
        return False
    if a[0] == "unix":
        return a[1] == b[1]
    return any(x[0] == y[0] and (x[1] is None or y[1] is None or x[1] == y[1])
               for x in spaces(a[1]) for y in spaces(b[1]))


def check_claims(nodes, state_dir, said):
    files, taken = collections.Counter(), []
    for node in nodes:
        if node.unknown:
            continue
        path = (node.option("path") if node.kind == "DatabaseThread"
                else node.option("spool", "path") if node.has_spool() else None)
        if path:
            path = re.sub(r"/\.(?=/|$)", "", os.path.join(state_dir, path))
            files[re.sub("//+", "/", path)] += 1
        if node.kind in ("TCPServerThread", "WebsocketMasterThread") and node.options.get("listen"):
            for a in addresses(node):
                if any(overlap(a, b) for b in taken):
                    said.append(("claim", "%s %s" % (node.path, a)))
                taken.append(a)
    said += [("claim", path) for path, n in files.items() if n > 1]


def check_kinds(node, said):
    """What a kind cannot do without."""
    kinds = [c.kind for c in node.children]
    for name in ("spool", "restart"):       # a mapping, or a word, which a schema cannot look up
        word = node.options.get(name)
        if isinstance(word, Scalar) and not word.unknown and word.taken is not None and word.value() not in (
                "off", "no", "false", "on", "yes", "true"):
            said.append(("switch", "%s: %s" % (node.path, name)))
    if node.kind == "TCPServerThread" and "TCPConnectionThread" not in kinds and not node.unknown:
        said.append(("place", node.path + " has no connection"))
    if node.kind == "WebsocketMasterThread":
        check_websockets(node, said)
    elif node.kind == "WebSocketSubThread" and not node.unknown:
        others = OF_DESTINATIONS if node.is_pattern() else OF_VIEWERS
        said += [("role", "%s: %s" % (node.path, o)) for o in others if node.options.get(o)]


# What only a destination can be told, what only viewers can, and what goes with listen.
OF_DESTINATIONS = ["ack", "ack_timeout", "connect_timeout", "backoff", "max_message", "headers",
                   "subprotocol", "tls"]
OF_VIEWERS = ["last", "queue"]
OF_LISTEN = ["path", "origins", "token", "max_subscribers", "tls"]


def check_websockets(node, said):
    listens = node.options.get("listen") is not None
    patterns = [c for c in node.children if c.kind == "WebSocketSubThread" and c.is_pattern()]
    # Of what cannot be had now the daemon asks for no more.
    if not listens and not node.unknown and any(not p.unknown for p in patterns):
        said.append(("role", node.path + " listens for nobody"))
    if node.unknown:
        return
    if listens and len(patterns) != 1:
        said.append(("role", node.path + " listens for one pattern"))
    if not listens:
        said += [("role", "%s: %s" % (node.path, o)) for o in OF_LISTEN if node.options.get(o)]
    if not node.children:
        said.append(("place", node.path + " has no destination"))
    if isinstance(node.options.get("spool"), Map) and node.children and not node.destinations():
        said.append(("role", node.path + " has nothing to spool"))
    path = node.option("path")
    if path is not None and not re.fullmatch(r"/[!-~]{0,8191}", path) or re.search("[?#]", path or ""):
        said.append(("role", node.path + ": path"))
    token = node.option("token")
    if token is not None and (len(token) > 1024 or not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", token)):
        said.append(("role", node.path + ": token"))
    origins = node.options.get("origins")
    for item in origins.items if isinstance(origins, List) else [origins] if origins else []:
        if isinstance(item, Scalar) and not item.unknown and not re.fullmatch(
                r"\*|[!-.0-~][!-~]*?://(?!/)[!-.0-~]+", item.value()):
            said.append(("role", node.path + ": origins"))


# --- all of it -----------------------------------------------------------------

def validator(top):
    import jsonschema
    with open(os.path.join(top, "config/taskthread.schema.json")) as f:
        return jsonschema.Draft202012Validator(json.load(f))


def walk(node):
    yield node
    for c in node.children:
        yield from walk(c)


def check_root(root, schema, files, environment, said):
    if schema is not None:
        check_schema(root, schema, said)
    include(root, files, environment, said)
    version(root, said, True)
    tops, daemon = [], root.get("daemon")
    for key, value in root.pairs:
        if is_kind(key.text):
            tops.append((key.text, value))
        elif key.text not in ("taskthread", "daemon", "include") and not key.text.startswith("x-"):
            said.append(("key", key.text[:80]))
    if len(tops) != 1 or not tops[0][0].startswith("MasterThread"):
        said.append(("key", "not one MasterThread"))
        return
    master = build(*tops[0], None, said)
    if master is None:
        return
    nodes = list(walk(master))
    if len(nodes) > NODES:
        said.append(("bound", "nodes"))
    for node in nodes:
        check_wiring(node, said)
        check_cycle(node, said)
        check_kinds(node, said)
        if node.kind == "TCPConnectionThread" and node.parent:
            check_ack(node, said)
    says = daemon.get("state_dir") if isinstance(daemon, Map) else None
    state = says.value() if isinstance(says, Scalar) and not says.unknown else STATE_DIRS
    check_claims(nodes, state, said)


def faults(text, schema, name, environment):
    """What is wrong with TEXT, the bytes of the file NAME, read in ENVIRONMENT."""
    said = []
    try:
        root = read(text, environment, said)
        check_root(root, schema, [name], environment, said)
    except Wrong as e:
        said.append(e.args)
    return said
