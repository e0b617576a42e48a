"""mutate.py - what people and accidents do to a hierarchy file.

Mutator(random).mutate(text) returns another text, as bytes: of bytes, lines or tokens
something was changed, once or a few times.  grow() makes a text of its own."""
import re

KINDS = ["MasterThread", "TCPServerThread", "TCPConnectionThread", "DataProcessorThread",
         "WebsocketMasterThread", "WebSocketSubThread", "DatabaseThread", "TimerThread"]
CHANNELS = ["data", "packets", "records", "raw", "a", "b", "connection", "sqlite_x", "Data", "[a, b]", "[data, a]",
            "[]", "", "~", "[data, data]", "[packets, data]"]
WORDS = ["none", "count64", "line", "pong", "sequence", "raw", "json", "envelope", "newline", "length", "delimiter",
         "fixed", "full", "lazy", "block", "drop_oldest", "drop_newest", "on", "off", "true", "auto", "info", "big",
         "little", "strip", "keep", "0", "1", "-1", "8", "010", "0x10", "1_000", "1.5", "1e3", "12:30:45", "10s",
         "10 s", "500ms", "500ms..60s", "60s..1s", "64KiB", "10MB", "10mb", "1TiB", "99999999999999999999", "2001-01-01",
         "127.0.0.1:0", "0.0.0.0:5002", "[::1]:5002", '"[::1]:5002"', '"[::]:5002"', "localhost:5002", "unix:/a.sock",
         ":5002", "5002", "wss://eu.example.com/x", "ws://[::1]:80/", '"ws://[::1]:80/"', "http://eu.example.com",
         '{hex: "0d 0a"}', "{hex: 0d0}", "{}", "[]", "null", "~", "", '""', "é", "a.db", "/a.db", "~/a.db",
         "{type: length, size: 2}", "{type: fixed, size: 100}", "{type: delimiter, bytes: x}", "{type: raw}",
         "{type: newline, max: 40MiB}", "{type: length, size: 4, max: 1TiB}", "{frames: 10, when_full: drop_oldest}"]
SOURCES = ["${env:SITE}", "${env:PORT}", "${env:EMPTY}", "${env:NOPE}", "${env:NOPE:-data}", "${env:EMPTY:-10s}",
           "${env:NOPE:-line}", "${file:/nonexistent/x}", "${credential:token}", "$${env:SITE}", "${env:SITE", "${SITE}",
           "${env:}", "${env:NOPE:-${env:SITE}}", "${file:x}", "${credential:a/b}", "a${env:SITE}b$${c}"]
NASTY = ["\t", "\0", "\r", "\r\n", "\n", "\x85", "\ufeff", "\u2028", "\u2029", "\xa0", "!", "!!str ", "!x ", "&a ",
         "*a", "%", "@", "`", '"', "'", "{", "}", "[", "]", ",", ":", ": ", "#", " #", "- ", "? ", "|\n", ">\n",
         "\n---\n", "\n...\n", "${", "<<: *a\n", "\\", "\x1b[31m", "\U0001f600", "\x7f", "\\x41", "%YAML 1.2\n", " "]
OPTIONS = ["ack: line", "ack: count64", "ack: none", "ack_interval: 1s", "listen: 0.0.0.0:5002", "listen: [a:1, a:1]",
           "path: a.db", "path: /a.db", "path: .//a.db", "framing: newline", "framing: raw", "url: ws://a/", "ack: sequence",
           "format: json", "batch: length", "queue: {when_full: drop_oldest}", "queue: {bytes: 1KiB}", "text: x",
           "every: 1ms", "every: 0s", "log: debug", "description: hello", "memory: 1GiB", "memory: 1", "window: 4KiB",
           "tls: {cert: a, key: b}", "headers: {A: b}", "headers: {Host: b}", "restart: {max: 5}", "max_message: 10",
           "idle_timeout: off", "idle_timeout: 1h", "max_connections: 5", "state_dir: /var/lib/taskthread",
           "durability: lazy", "x-a: 1", "taskthread: 1", "include: fleet.d/*.yaml", "include: nope.yaml",
           "include: [fleet.d/doors.yaml, fleet.d/doors.yaml]", "daemon: {memory: 8MiB}"]
CHILDREN = ["TCPServerThread%s: {listen: 127.0.0.1:0, TCPConnectionThread: {DataProcessorThread: {framing: newline}}}",
            "TCPServerThread%s: {listen: 0.0.0.0:5002}", "TCPConnectionThread%s: {DataProcessorThread: {framing: raw}}",
            "DataProcessorThread%s: {framing: newline}", "DataProcessorThread%s: {IN: data, UP: a, framing: newline}",
            "DataProcessorThread%s: {IN: a, UP: data, framing: {type: length, size: 1}}", "DatabaseThread%s: {path: z.db}",
            "DatabaseThread%s: {IN: a, path: y.db}", "TimerThread%s: {text: tick}", "TimerThread%s: {text: tick, UP: a}",
            "WebsocketMasterThread%s: {WebSocketSubThread: {url: ws://a/}}", "WebSocketSubThread%s: {url: wss://b/}",
            "WebsocketMasterThread%s: {IN: a, WebSocketSubThread: {IN: a, url: ws://a/, ack: none}}", "WebsocketMasterThread%s:",
            "TCPServerThread%s: {UP: a, listen: 127.0.0.1:0, TCPConnectionThread: {UP: a, DataProcessorThread: "
            "{UP: a, framing: raw}}}", "TCPServerThread%s: {IN: data, listen: 127.0.0.1:0, TCPConnectionThread: "
            "{UP: [], IN: data, DataProcessorThread: {IN: data, UP: b, framing: raw}}}"]
KEY = re.compile(r"^( *)([^\s#\-{}\[\],&*!|>'\"%@`][^:#{}\[\],]*):(?: +(.*))?$")


class Mutator:
    def __init__(self, rng):
        self.rng = rng
        self.theme = ""

    def mutate(self, text):
        rng = self.rng
        if rng.random() < 0.7:
            text = re.sub(r"(?m)^#.*\n", "", text)
        for _ in range(rng.choice([1, 1, 1, 1, 1, 2, 2, 3, 4, 8])):
            change = rng.choice([self.bytes_, self.line, self.line, self.token, self.token, self.token, self.tree,
                                 self.tree])
            text = change(text)
        out = text.encode("utf-8", "surrogatepass")
        return self.raw(out) if rng.random() < 0.05 else out

    # --- trees ---------------------------------------------------------------

    def grow(self):
        """A tree of any shape: most of its options, places and channels are right."""
        lines = ["taskthread: 1", "MasterThread:"]
        # Some trees have a second channel from the bottom to the top.
        self.theme = self.rng.choice(["", "", "a", "packets"])
        self.children(lines, "MasterThread", 1, False)
        return "\n".join(lines) + "\n"

    def children(self, lines, parent, depth, on_demand):
        rng = self.rng
        sinks = [] if on_demand else ["DatabaseThread", "DatabaseThread", "WebsocketMasterThread"]
        few = {"MasterThread": ["TCPServerThread", "TimerThread"] + sinks,
               "TCPServerThread": ["TimerThread", "TCPServerThread"] + sinks,
               "TCPConnectionThread": ["DataProcessorThread", "DataProcessorThread", "DataProcessorThread", "TimerThread",
                                       "TCPServerThread"],
               "WebsocketMasterThread": ["WebSocketSubThread"]}.get(parent, [])
        kinds = {"MasterThread": ["TCPServerThread", "DatabaseThread"], "TCPServerThread": ["TCPConnectionThread"],
                 "TCPConnectionThread": ["DataProcessorThread"], "WebsocketMasterThread": ["WebSocketSubThread"]}.get(parent, [])
        kinds = kinds + [rng.choice(few) for _ in range(rng.choice([0, 0, 0, 1, 1, 2]))] if few else []
        if rng.random() < 0.01:
            kinds.append(rng.choice(KINDS))
        # A channel for each but the first, that no other has: a chain, or a second way.
        own = "cdefgh"
        for n, kind in enumerate(kinds):
            ways = {"IN": "", "UP": ""}
            if kind == "DataProcessorThread" and n > 0 and rng.random() < 0.8:
                ways = rng.choice([{"IN": own[n], "UP": "data"}, {"IN": "packets", "UP": own[n]}] * 3
                                  + [{"IN": a, "UP": b} for a in "cde" for b in "cde"])
            elif kind in ("TimerThread", "TCPServerThread") and n > 0 and rng.random() < 0.3:
                ways["UP"] = rng.choice([own[n], "[]", "[data, %s]" % own[n]])
            elif kind in ("DatabaseThread", "WebsocketMasterThread") and rng.random() < 0.3:
                ways["IN"] = rng.choice([own[1], own[2], "[data, %s]" % own[1], "packets"])
            elif kind in ("TCPConnectionThread", "TCPServerThread") and rng.random() < 0.1:
                ways = {"IN": rng.choice(["", own[1], "data"]), "UP": rng.choice([own[1], "[data, %s]" % own[1], "[]"])}
            if self.theme and rng.random() < 0.9:
                ways.update({"TCPServerThread": {"UP": "[data, %s]"}, "TCPConnectionThread": {"UP": "[data, %s]"},
                             "DatabaseThread": {"IN": "[data, %s]"}, "TimerThread": {"UP": "%s"},
                             "DataProcessorThread": {"UP": "%s"} if n > 0 else {}}.get(kind, {}))
                ways = {way: names.replace("%s", self.theme) for way, names in ways.items()}
            for way in ways:
                if rng.random() < 0.03:
                    ways[way] = rng.choice(CHANNELS[:6] + ["c", "d"])
            self.grown(lines, kind, ways, depth, on_demand or kind == "TCPConnectionThread")

    def grown(self, lines, kind, ways, depth, on_demand):
        rng = self.rng
        indent = "  " * depth
        lines.append("%s%s n%d:" % (indent, kind, len(lines)))
        indent += "  "
        options = {"TCPServerThread": ["listen: 127.0.0.1:0"] * 6 + ["listen: 0.0.0.0:5002", "listen: localhost:5002"],
                   "DataProcessorThread": ["framing: newline", "framing: {type: length, size: 4, max: 4MiB}",
                                           "framing: raw"],
                   "WebSocketSubThread": ["url: ws://a/"] * 3 + ["url: ws://a/\n%sack: none" % indent, "format: json",
                                                                "last: 3", "url: ws://a/\n%slast: 3" % indent],
                   "DatabaseThread": ["path: n%d.db" % len(lines)] * 9 + ["path: n.db"],
                   "TimerThread": ["text: tick"]}.get(kind, [])
        if options:
            lines.append(indent + rng.choice(options))
        lines += ["%s%s: %s" % (indent, way, names) for way, names in ways.items() if names]
        if kind == "TCPConnectionThread" and rng.random() < 0.3:
            lines.append(indent + rng.choice(["ack: line", "ack: count64"]))
        if kind == "WebsocketMasterThread" and rng.random() < 0.4:
            lines.append(indent + rng.choice(["listen: 127.0.0.1:0"] * 9 + [
                "listen: localhost:5002", "path: /a", "listen: 127.0.0.1:0\n%sspool: {bytes: 1MiB}" % indent]))
        if kind in ("DatabaseThread", "WebsocketMasterThread") and rng.random() < 0.1:
            lines.append(indent + "queue: {when_full: drop_oldest}")
        if depth < 6:
            self.children(lines, kind, depth + 1, on_demand)

    # --- bytes ---------------------------------------------------------------

    def raw(self, data):
        """Bytes that need be no UTF-8."""
        at = self.rng.randrange(len(data) + 1)
        return data[:at] + bytes([self.rng.randrange(256)]) + data[at + self.rng.randrange(2):]

    def bytes_(self, text):
        rng = self.rng
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.choice([1, 1, 2, 3, 10, 100]))
        return rng.choice([
            lambda: text[:at] + chr(rng.randrange(32, 127)) + text[at + 1:],
            lambda: text[:at] + text[end:],
            lambda: text[:at] + rng.choice(NASTY) + text[at:],
            lambda: text[:end] + text[at:],
            lambda: text[:at] + text[at:end] * rng.choice([2, 50]) + text[end:],
            lambda: text[:at],
            lambda: text + text[at:end],
        ])()

    # --- lines ---------------------------------------------------------------

    def line(self, text):
        rng = self.rng
        lines = text.split("\n")
        i, k = rng.randrange(len(lines)), rng.randrange(len(lines))
        change = rng.randrange(7)
        if change == 0:
            del lines[i]
        elif change == 1:
            lines.insert(k, lines[i])
        elif change == 2:
            lines[i], lines[k] = lines[k], lines[i]
        elif change == 3:
            by = rng.choice([1, 2, 2, 4])
            for n in range(i, self.end(lines, i)):
                lines[n] = " " * by + lines[n]
        elif change == 4:
            by = rng.choice([1, 2, 2, 4])
            for n in range(i, self.end(lines, i) if rng.random() < 0.7 else i + 1):
                lines[n] = re.sub("^ {1,%d}" % by, "", lines[n])
        elif change == 5 and i + 1 < len(lines):
            lines[i:i + 2] = [lines[i] + rng.choice(["", " ", ", "]) + lines[i + 1].lstrip()]
        else:
            lines[i] = lines[i].replace("  ", "\t", 1)
        return "\n".join(lines)

    @staticmethod
    def indent(line):
        return len(line) - len(line.lstrip(" "))

    def end(self, lines, i):
        """Behind the last line that belongs to line I."""
        n = i + 1
        while n < len(lines) and (not lines[n].strip() or self.indent(lines[n]) > self.indent(lines[i])):
            n += 1
        return n

    # --- tokens ---------------------------------------------------------------

    def keys(self, lines, pattern=""):
        """The lines with a key, of those whose key has PATTERN; any line if none has."""
        found = [i for i, line in enumerate(lines) if (m := KEY.match(line)) and re.search(pattern, m[2])]
        return found or [i for i, line in enumerate(lines) if KEY.match(line)]

    def misspell(self, word):
        rng = self.rng
        at = rng.randrange(len(word) + 1)
        return rng.choice([word[:at] + word[at + 1:], word[:at] + rng.choice("aexT_- .") + word[at:], word.swapcase(),
                           word[:at] + word[at:at + 2][::-1] + word[at + 2:], word + "s", word.replace("Thread", "")])

    def replaced(self, text, pattern, by):
        """One of the places where PATTERN is, by what BY makes of it."""
        found = list(re.finditer(pattern, text))
        if not found:
            return self.line(text)
        m = self.rng.choice(found)
        return text[:m.start()] + by(m[0]) + text[m.end():]

    def token(self, text):
        rng = self.rng
        word = r"(?<![\w${])[A-Za-z_]\w+(?![\w}])"
        return rng.choice([
            lambda: self.replaced(text, word, self.misspell),
            lambda: self.replaced(text, r"\w+Thread\b", lambda w: rng.choice(KINDS)),
            lambda: self.replaced(text, r"\w+Thread\b", self.misspell),
            lambda: self.replaced(text, r"(?<=IN: |UP: )(\[[^\]\n]*\]|\w+)", lambda w: rng.choice(CHANNELS)),
            lambda: self.replaced(text, r"(?<=IN: |UP: )(\[[^\]\n]*\]|\w+)", lambda w: rng.choice(CHANNELS)),
            lambda: self.replaced(text, r"\b\d+(ms|[smhd]|[KMG]i?B)?\b", lambda w: rng.choice(WORDS)),
            lambda: self.replaced(text, r"\b\d+", lambda w: str(rng.choice([0, 1, 2, 9, 65536, 10**9, 10**20]))),
            lambda: self.replaced(text, r"(?<=: )[^\n{}\[\],#]+", lambda w: rng.choice(WORDS)),
            lambda: self.replaced(text, r"(?<=: )[^\n{}\[\],#]+", lambda w: rng.choice(SOURCES)),
            lambda: self.replaced(text, r"(?<=: )[^\n{}\[\],#]+", lambda w: '"%s"' % rng.choice(SOURCES)),
            lambda: self.replaced(text, r"(?<=: )[^\n{}\[\],#]+", lambda w: rng.choice(['"%s"', "'%s'", "[%s]", "{%s}"]) % w),
            lambda: self.replaced(text, r"""["'][^"'\n]*["']""", lambda w: w[1:-1]),
            lambda: self.replaced(text, r"(?<=Thread)( \w+)?(?=:)", lambda w: rng.choice(["", " a", " b", "  a", " ä", " _"])),
            lambda: self.swap_values(text),
        ])()

    def swap_values(self, text):
        lines = text.split("\n")
        keys = [i for i in self.keys(lines) if KEY.match(lines[i])[3]]
        if len(keys) < 2:
            return text
        i, k = self.rng.sample(keys, 2)
        a, b = KEY.match(lines[i]), KEY.match(lines[k])
        lines[i], lines[k] = a[1] + a[2] + ": " + b[3], b[1] + b[2] + ": " + a[3]
        return "\n".join(lines)

    # --- the tree --------------------------------------------------------------

    def tree(self, text):
        lines = text.split("\n")
        if not self.keys(lines):
            return self.bytes_(text)
        change = self.rng.choice([self.move, self.duplicate, self.add_child, self.add_child, self.add_option,
                                  self.add_channel, self.add_channel, self.drop, self.rename, self.reuse])
        change(lines)
        return "\n".join(lines)

    def below(self, lines, i, new):
        """Puts NEW lines below line I, indented as its children are."""
        m = KEY.match(lines[i])
        if m[3] and not m[3].startswith(("#", "&")):
            return
        deeper = self.indent(lines[i]) + 2
        if i + 1 < len(lines) and self.indent(lines[i + 1]) > self.indent(lines[i]):
            deeper = self.indent(lines[i + 1])
        base = min([self.indent(n) for n in new if n.strip()] or [0])
        lines[i + 1:i + 1] = [" " * deeper + n[base:] for n in new]

    def node(self, lines):
        return self.rng.choice(self.keys(lines, "Thread"))

    def move(self, lines):
        i = self.node(lines)
        end = self.end(lines, i)
        part = lines[i:end]
        if self.rng.random() < 0.7:
            del lines[i:end]
        if self.keys(lines):
            self.below(lines, self.node(lines), part)

    def duplicate(self, lines):
        i = self.node(lines)
        end = self.end(lines, i)
        part = lines[i:end]
        if self.rng.random() < 0.8:
            part[0] = re.sub(r"(Thread)( [\w.-]+)?:", r"\1 %s:" % self.rng.choice(["x", "y", "eu"]), part[0], count=1)
        if self.rng.random() < 0.5:
            part = [re.sub(r"(\b\d{2,5}\b|\w+\.db)", lambda m: self.rng.choice([m[0], "7" + m[0]]), n) for n in part]
        lines[end:end] = part

    def add_child(self, lines):
        name = self.rng.choice(["", " a", " b", " c"])
        self.below(lines, self.node(lines), [self.rng.choice(CHILDREN) % name])

    def add_option(self, lines):
        self.below(lines, self.rng.choice(self.keys(lines)), [self.rng.choice(OPTIONS)])

    def add_channel(self, lines):
        rng = self.rng
        new = [w + ": " + rng.choice(CHANNELS) for w in rng.choice([["IN"], ["UP"], ["IN", "UP"]])]
        self.below(lines, self.node(lines), new)

    def drop(self, lines):
        i = self.rng.choice(self.keys(lines))
        del lines[i:self.end(lines, i)]

    def rename(self, lines):
        """A channel gets another name, in one direction or in both."""
        old, new = self.rng.choice(["data", "packets", "records", "raw", "a"]), self.rng.choice(["data", "a", "b", "raw"])
        where = self.rng.choice(["IN", "UP", "IN|UP"])
        for i, line in enumerate(lines):
            if re.search(r"\b(%s): " % where, line) and self.rng.random() < 0.8:
                lines[i] = re.sub(r"\b%s\b" % old, new, line)

    def reuse(self, lines):
        """An anchor here and an alias or << there."""
        rng = self.rng
        i = rng.choice(self.keys(lines))
        m = KEY.match(lines[i])
        lines[i] = "%s%s: &a %s" % (m[1], m[2], m[3] or "")
        k = rng.choice(self.keys(lines))
        if rng.random() < 0.5:
            self.below(lines, k, [rng.choice(["<<: *a", "<<: [*a, *a]", "<<: *b", "<<: {log: debug}", "<<: 1",
                                              "x-b: *a", "description: *a"])])
        elif i != k:
            m = KEY.match(lines[k])
            lines[k:self.end(lines, k)] = ["%s%s: *a" % (m[1], m[2])]
        if rng.random() < 0.3:
            lines[0:0] = [rng.choice(["x-a: &a {log: debug, log: info}", "x-a: &a {ack: line}", "x-a: &a {UP: a}",
                                      "x-a: &a {format: json}", "x-b: &a {TimerThread: {text: b}}"])]
