#!/usr/bin/python3
"""Files that were damaged at random: the loader never crashes, never hangs, says where what is
wrong, and takes no file that is wrong.

MUTATIONS says how many (600), SEED where they begin; without, half of them are the same in
each run."""
import glob
import os
import random
import re
import shutil
import struct
import subprocess

import mutate
import tt

JUDGE = os.path.join(os.path.dirname(tt.DAEMON), "tests/judge")
NAME = "judge.yaml"
ENVIRONMENT = {"HOME": "/nonexistent", "SITE": "site9", "PORT": "5002", "EMPTY": ""}   # as the judge has it
BATCH = 100
SECONDS = 5 if tt.SANITIZED else 1      # CPU, for one document
EXITS = {3: "takes more than %d s" % SECONDS, 4: "waits for something"}

# What the daemon alone sees, by what it says, each with a reason.  Whatever else it refuses,
# another program must find wrong, too.
ALONE = {
    "a number is not in its range": r"is not in \S+\.\.\S+$|is less than |is too large$|is no whole number",
    "a text has a form of its own": r"is neither a name nor an address|has a host that is neither"
                                    r"|has no port in|holds a character that no URL has|has no IPv6 address"
                                    r"|has a fragment|has more than one colon|is only a port|has no port"
                                    r"|has too long a path|is longer than a path can be|~ is the shell's"
                                    r"|holds a NUL character|is no absolute path|is empty$|name has \d+ bytes"
                                    r"|ends before it begins|is not hexadecimal|has a user in it",
    "a kind has a rule over its options": r"does not go with|type \w+ needs|a length has 1 to 8 bytes|a delimiter of"
                                          r"|a fixed frame has|leaves no length|keeps its header|goes with wss"
                                          r"|a certificate |is no name of a (header|subprotocol)|is set by the websocket"
                                          r"|has a line end or a control character|bytes of headers|is longer than \d+ bytes"
                                          r"|the host's name is longer|text of \d+ bytes|retain has no rows",
    "memory depends on all of the file": r"daemon\.memory is|is less than twice the largest frame|a window of",
    "what ${...} stands for, a schema does not know": r"\"[^\"]*\$\{[^\"]*\"",
    "YAML has a word for nothing": r"is YAML's word for nothing",
    "YAML has other ways to write a number or a truth": r"is no size$|is neither true nor false$",
    "there are bounds": r"is longer than \d+ KiB|nested deeper than|holds more than|is larger than",
}


class Trouble(Exception):
    pass


def judged(documents, directory):
    """What the judge says of each: accepted, and what it printed."""
    asked = b"".join(struct.pack(">I", len(d)) + d for d in documents)
    try:
        r = subprocess.run([JUDGE, str(SECONDS)], input=asked, capture_output=True, cwd=directory,
                           timeout=SECONDS * 12 + tt.DEADLINE)
    except subprocess.TimeoutExpired:
        raise Trouble("the judge hangs")
    answers, out = [], r.stdout
    while out:
        head, _, out = out.partition(b"\n")
        word, errors, warnings, ms, size = head.split()
        assert float(ms) <= SECONDS * 1000, (ms, documents[len(answers)])
        answers.append((word == b"accepted", int(errors), out[:int(size)].decode("utf-8")))
        out = out[int(size):]
    if r.returncode != 0 or len(answers) != len(documents):
        fail(documents[min(len(answers), len(documents) - 1)], "the judge %s\n%s" % (
            EXITS.get(r.returncode, "crashes (%d)" % r.returncode), r.stderr.decode("utf-8", "replace")))
    return answers


def fail(document, why):
    raise AssertionError("%s\n--- the document\n%s\n---" % (why, document.decode("utf-8", "backslashreplace")))


def places(document, said):
    """Each mistake and warning of the file itself stands in it.  Returns their texts."""
    try:
        text = document.decode("utf-8").removeprefix("\ufeff")
        lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    except UnicodeDecodeError:
        lines = None
    found = []
    for line, column, grade, text in re.findall(r"(?m)^%s:(\d+):(\d+): (error|warning): (.*)$" % NAME, said):
        line, column = int(line), int(column)
        if line < 1 or column < 1 or (lines is not None and (
                line > len(lines) or column > len(lines[line - 1]) + 1)):
            fail(document, "%d:%d is not in the file: %s" % (line, column, text))
        if grade == "error":
            found.append(text)
    return found


def check(document, answer, wrong, counts):
    """ANSWER is the daemon's, WRONG the oracle's."""
    accepted, errors, said = answer
    texts = places(document, said)
    if accepted:
        counts["accepted"] += 1
        if errors or wrong:
            fail(document, "accepted, and it is wrong:\n%s" % "\n".join(map(str, wrong)))
        return
    others = re.findall(r"(?m)^(?!%s:)\S+?:\d+:\d+: error: (.*)$" % NAME, said)     # in an included file
    if not texts and not others:
        fail(document, "refused, and no place is named:\n" + said)
    if wrong:
        counts["both refuse"] += 1
        return
    for text in texts + others:
        reasons = [r for r, pattern in ALONE.items() if re.search(pattern, text)]
        if not reasons:
            fail(document, "refused, and nothing is wrong:\n" + said)
        counts[reasons[0]] += 1


def seeds():
    examples = sorted(glob.glob(os.path.join(tt.TOP, "config/examples/*.yaml")))
    bad = sorted(glob.glob(os.path.join(tt.TOP, "tests/bad/*.yaml")))
    assert len(examples) >= 10 and len(bad) >= 100
    texts = []
    for path in examples * (3 * len(bad) // len(examples)) + bad:
        with open(path, "rb") as f:
            texts.append(f.read().decode("utf-8", "replace"))
    return texts


def play(seed, n, directory, schema, counts):
    import oracle
    print("%d mutations, SEED=%d" % (n, seed))
    rng = random.Random(seed)
    mutator, texts = mutate.Mutator(rng), seeds()
    name = os.path.join(directory, NAME)
    for at in range(0, n, BATCH):
        documents = [mutator.mutate(rng.choice(texts)) if rng.random() < 0.7
                     else mutator.grow().encode() for _ in range(min(BATCH, n - at))]
        for document, answer in zip(documents, judged(documents, directory)):
            check(document, answer, oracle.faults(document, schema, name, ENVIRONMENT), counts)


def place():
    """Where the documents are: beside what one of the examples includes."""
    directory = tt.directory()
    shutil.copytree(os.path.join(tt.TOP, "config/examples/fleet.d"), os.path.join(directory, "fleet.d"))
    return directory


def test_damaged_files_are_refused_and_right_ones_taken():
    try:
        import jsonschema               # noqa: F401
        import yaml                     # noqa: F401
    except ImportError as e:
        raise tt.Skip("python3-jsonschema and python3-yaml are not installed: %s" % e)
    import oracle
    if not os.path.exists(JUDGE):
        raise tt.Skip("tests/judge is not built: make check builds it")
    n = int(os.environ.get("MUTATIONS") or 600)
    given = os.environ.get("SEED")
    rounds = [(int(given), n)] if given else [(1, n // 2), (random.SystemRandom().randrange(10**9), n - n // 2)]
    directory, schema = place(), oracle.validator(tt.TOP)
    counts = dict.fromkeys(["accepted", "both refuse", *ALONE], 0)
    for seed, part in rounds:
        play(seed, part, directory, schema, counts)
    for what, number in counts.items():
        print("%6d  %s" % (number, what))
    assert counts["accepted"] > n // 50 and counts["both refuse"] > n // 5, counts


MASTER = "taskthread: 1\nMasterThread:\n"
FULL = (4 << 20) - 200                  # bytes, of the 4 MiB that a document may have


def filled(text, before=MASTER):
    return before + text * ((FULL - len(before)) // len(text))


def each(n, text):
    return "".join(text.replace("%d", str(i)) for i in range(n))


# What grows faster than the file, or is as large as a file may be.
LARGE = {
    "brackets": filled("["),
    "levels": MASTER + "".join(" " * i + "a:\n" for i in range(2800)),
    "items": filled("- ", ""),
    "items on lines": filled("- \n", ""),
    "questions": filled("? ", ""),
    "anchors": filled("&a a, ", MASTER + "  x: ["),
    "aliases": filled("*a ", ""),
    "aliases of one": filled("x-b: *a\n", "x-a: &a {log: info}\n" + MASTER),
    "aliases of aliases": MASTER + "x-0: &a0 [x,x,x,x,x,x,x,x]\n" + "".join(
        "x-%d: &a%d [%s]\n" % (i, i, ", ".join(["*a%d" % (i - 1)] * 8)) for i in range(1, 30)),
    "merges": "x-a: &a {%s}\n" % each(1000, "k%d: 1, ") + MASTER + each(48, "  DatabaseThread a%d: {<<: *a, path: a}\n"),
    "merges of one": "x-a: &a {%s}\n" % each(300, "k%d: 1, ") + MASTER + "  <<: [%s]\n" % ", ".join(["*a"] * 160),
    "a quote": filled("a: b\n", MASTER + '  description: "'),
    "a quote with escapes": MASTER + '  description: "' + "x\\n" * (1 << 20),
    "a text": filled("x", MASTER + "  description: "),
    "an open bracket": filled("a: b,\n", MASTER + "  a: {"),
    "tabs": filled("\tlog: info\n"),
    "tags": filled("!a b, ", MASTER + "  a: ["),
    "blanks": filled(" \n"),
    "comments": filled("# a\n"),
    "colons": filled(":", ""),
    "documents": filled("---\na\n", ""),
    "directives": filled("%YAML\n", ""),
    "keys that stand there before": filled("  log: info\n"),
    "keys": MASTER + each(25000, "  lgo%d: info\n"),
    "keys on a line": "taskthread: 1\nMasterThread: {%s}\n" % each(25000, "token%d: 1, "),
    "kinds": MASTER + each(25000, "  DatabaseThrad a%d: {}\n"),
    "threads": MASTER + each(5000, "  DatabaseThread a%d: {path: a%d, IN: c%d}\n"),
    "channels": MASTER + each(1500, "  DatabaseThread a%d: {path: a%d, IN: [" + each(60, "c%d_x, ").replace("_x", "_%d")
                              + "]}\n"),
    "channels from elsewhere": MASTER + each(1000, "  DatabaseThread a%d: {path: a%d, IN: [" + each(
        60, '"${env:NOPE:-c%d_x}", ').replace("_x", "_%d") + "]}\n"),
    "channels that nobody passes on": MASTER + each(1000, "  TCPServerThread a%d: {listen: 127.0.0.1:0, "
        "TCPConnectionThread: {DataProcessorThread: {framing: newline, UP: c%d}}}\n"
        "  DatabaseThread a%d: {path: a%d, IN: c%d}\n"),
    "taps and sinks": MASTER + each(900, "  TimerThread a%d: {text: a}\n  DatabaseThread a%d: {path: a%d}\n"),
    "a chain": MASTER + "  TCPServerThread:\n    listen: 127.0.0.1:1\n    TCPConnectionThread:\n" + "".join(
        "      DataProcessorThread a%d: {IN: %s, UP: c%d, framing: raw}\n" % (i, "c%d" % (i - 1) if i else "packets", i)
        for i in range(4000)),
    "acknowledgements": MASTER + each(600, "  TCPServerThread a%d: {listen: 127.0.0.1:0, TCPConnectionThread: {ack: line, "
                                      "DataProcessorThread: {framing: newline}}}\n"
                                      "  DatabaseThread a%d: {path: a%d, queue: {when_full: drop_oldest}}\n"),
    "addresses": MASTER + "  TCPServerThread: {listen: [%s]}\n" % each(90000, "h%d:1, "),
    "addresses of servers": MASTER + each(350, "  TCPServerThread a%d: {listen: [" + each(250, "h%d:5, ") + "]}\n"),
    "headers": MASTER + "  WebsocketMasterThread: {WebSocketSubThread: {url: ws://a/, headers: {%s}}}\n"
    % each(45000, "A%d: b, "),
    "variables": MASTER + "  x: [%s]\n" % ('"${env:NOPE}", ' * 90000),
    "files": MASTER + "include: [%s]\n" % each(40000, "a%d.yaml, "),
    "patterns": MASTER + "include: [%s]\n" % each(2000, '"/usr/*/*/%d*", '),
}


def test_large_files_are_answered_in_time():
    directory = place()
    for what, document in LARGE.items():
        (accepted, errors, said), = judged([document.encode()], directory)
        places(document.encode(), said)
        assert not accepted or what in ("taps and sinks", "blanks", "comments", "a text"), (what, said[:500])


def test_seeds_are_judged_alike():
    """Each file as it is: what the oracle knows is not by chance."""
    try:
        import yaml                     # noqa: F401
        import jsonschema               # noqa: F401
    except ImportError as e:
        raise tt.Skip("python3-jsonschema and python3-yaml are not installed: %s" % e)
    import oracle
    directory, schema = place(), oracle.validator(tt.TOP)
    counts = dict.fromkeys(["accepted", "both refuse", *ALONE], 0)
    documents = []
    for path in sorted(glob.glob(os.path.join(tt.TOP, "config/examples/*.yaml"))
                       + glob.glob(os.path.join(tt.TOP, "tests/bad/*.yaml"))):
        with open(path, "rb") as f:
            documents.append(f.read())
    for document, answer in zip(documents, judged(documents, directory)):
        wrong = oracle.faults(document, schema, os.path.join(directory, NAME), ENVIRONMENT)
        check(document, answer, wrong, counts)
    assert counts["accepted"] >= 10 and counts["both refuse"] >= 100, counts


# Lines that are no YAML, or make none of what is around them; %s: the line that was there.
FAULTS = ["\t%s", "%s {", "%s [", '%s "', "%s '", "%s }", "%s ]", "%s: @", "%s: %%", "%s: *", "  %s", " %s", "- %s", "? %s",
          "%s: a: b", "@", ": :", "a b", "'it's'", '"a" b: c', "{a: b", "[a, b", "}", "*", "&", "!", "|", "> x", "%%YAML", "---", "<<: {"]


def test_before_what_is_no_yaml_a_right_file_has_no_mistake():
    """What could be read of it is looked at; what it lacks then is no mistake."""
    try:
        import yaml
    except ImportError as e:
        raise tt.Skip("python3-yaml is not installed: %s" % e)
    directory, documents = place(), []
    for path in sorted(glob.glob(os.path.join(tt.TOP, "config/examples/*.yaml"))):
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
        for at, line in enumerate(lines):
            for fault in FAULTS:
                new = fault.replace("%%", "%").replace("%s", line)
                text = "\n".join(lines[:at] + [new] + lines[at + 1:]) + "\n"
                try:
                    list(yaml.parse(text, Loader=yaml.CSafeLoader))
                except yaml.YAMLError:
                    documents.append(text.encode())
    chosen = random.Random(1).sample(documents, min(len(documents), int(os.environ.get("MUTATIONS") or 600)))
    print("%d of %d files" % (len(chosen), len(documents)))
    assert len(documents) > 1000
    for at in range(0, len(chosen), BATCH):
        part = chosen[at:at + BATCH]
        for document, (accepted, errors, said) in zip(part, judged(part, directory)):
            if accepted or errors != 1:
                fail(document, "%d mistakes, and one was made:\n%s" % (errors, said))


def test_before_what_is_no_yaml_mistakes_are_told():
    directory = place()
    document = MASTER + ("  TCPServerThread:\n    listen: 127.0.0.1:5002\n    max_conections: 7\n"
                         "  DatabaseThread:\n    path: a.db\n    lazy: maybe\n\tlinger: 5ms\n")
    (accepted, errors, said), = judged([document.encode()], directory)
    assert not accepted and errors == 2 and ":5:5: error: " in said and ":9:1: error: " in said, said


if __name__ == "__main__":
    tt.main()
