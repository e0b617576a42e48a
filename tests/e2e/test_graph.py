#!/usr/bin/python3
"""Seeing a tree: what --check and --graph print of the examples, and the picture of the README.

Where dot is installed it draws them all; else their syntax is looked at here."""
import collections
import glob
import html
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as xml

import tt

EXAMPLES = os.path.join(tt.TOP, "config/examples")
STATEMENT = re.compile(r'    (?:rankdir=LR|ordering=out|(?:node|edge|[no]\d+|n\d+ -> [no]\d+)'
                       r'(?: \[(?:\w+=(?:\w+|"(?:[^"\\]|\\.)*")(?:, )?)+\])?);')

SECRETS = """taskthread: 1
MasterThread:
  TCPServerThread:
    listen: 127.0.0.1:0
    TCPConnectionThread:
      DataProcessorThread: {framing: newline}
  WebsocketMasterThread:
    WebSocketSubThread:
      url: "wss://cloud.example.com/in?token=geheim"
      headers: {Authorization: Bearer geheim, X-Key: "geheim"}
"""


def written(text):
    path = os.path.join(tt.directory(), "tree.yaml")
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o600)
    return path


def examples():
    files = sorted(glob.glob(os.path.join(EXAMPLES, "*.yaml")))
    assert files
    return files


def graph(file):
    r = tt.run("--graph", file)
    assert r.returncode == 0, (file, r.stderr)
    return r.stdout


def dot(text, form):
    r = subprocess.run(["dot", "-T" + form], input=text, capture_output=True, text=True, timeout=tt.DEADLINE * 4)
    assert r.returncode == 0 and "rror" not in r.stderr, r.stderr
    return r.stdout


def lines_of_labels(text):
    """Each line of each label, as a picture shows it."""
    lines = collections.Counter()
    for label in re.findall(r'label="((?:[^"\\]|\\.)*)"', text):
        for line in re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], label).split("\n"):
            lines[html.unescape(line).strip()] += 1
    return lines


def lines_of_picture(svg):
    return collections.Counter(e.text.replace("\u00a0", " ").strip() for e in xml.fromstring(svg).iter()
                               if e.tag.endswith("}text"))


def parts(text):
    """The names of the boxes and arrows, as a picture has them for titles."""
    return sorted(re.findall(r"(?m)^    ([no]\d+) \[", text) +
                  ["%s->%s" % ends for ends in re.findall(r"(?m)^    (n\d+) -> ([no]\d+)", text)])


def parts_of_picture(svg):
    return sorted(e.text for e in xml.fromstring(svg).iter()
                  if e.tag.endswith("}title") and e.text != "taskthread")


def test_every_example_is_drawn():
    for file in examples():
        text = graph(file)
        lines = text.splitlines()
        assert lines[0] == "digraph taskthread {" and lines[-1] == "}", text
        for line in lines[1:-1]:
            assert STATEMENT.fullmatch(line), (file, line)
        drawn = set(re.findall(r"(?m)^    ([no]\d+) \[", text))
        ends = set(re.findall(r"(?m)^    (n\d+) -> ([no]\d+)", text))
        assert {e for pair in ends for e in pair} == drawn, (file, text)
        if shutil.which("dot"):
            picture = dot(text, "svg")
            assert lines_of_picture(picture) == lines_of_labels(text), file
            assert parts_of_picture(picture) == parts(text), file


def test_the_picture_of_the_readme_is_of_today():
    text = graph(os.path.join(EXAMPLES, "gateway.yaml"))
    with open(os.path.join(EXAMPLES, "gateway.svg")) as f:
        picture = f.read()
    assert lines_of_picture(picture) == lines_of_labels(text), "make it again, as the README says"
    assert parts_of_picture(picture) == parts(text), "make it again, as the README says"


def test_the_readme_shows_the_tree_of_its_file():
    with open(os.path.join(tt.TOP, "README")) as f:
        readme = re.sub(r"(?m)^    ", "", f.read())
    file = re.search(r"(?m)^taskthread: 1\n(?:.+\n)+", readme)[0]
    tree = re.search(r"(?m)^MasterThread\n  TCPServerThread  +UP (?:.+\n)+", readme)[0]
    assert tt.run("--check", written(file)).stdout.startswith(tree + "\nmemory"), tree


def test_a_wrong_file_is_78_and_not_drawn():
    file = written("taskthread: 1\nMasterThread: {TimerTread: {}}\n")
    for args in (["--graph", file], ["--graph=" + file], ["-c", file, "--graph"], ["--graph", "-c", file]):
        r = tt.run(*args)
        assert r.returncode == 78 and r.stdout == "", (args, r)
        assert "tree.yaml:2:" in r.stderr, r.stderr
    assert tt.run("--graph", "/nowhere/at/all.yaml").returncode == 78


def test_one_thing_at_a_time():
    file = examples()[0]
    for args in (["--graph", "--check"], ["--check", "--kinds"], ["--describe", "DatabaseThread", "--graph"],
                 ["--version", "--graph"]):
        r = tt.run(*args, "-c", file)
        assert r.returncode == 64 and r.stdout == "" and "one thing at a time" in r.stderr, (args, r)


def test_the_parts_of_the_memory_add_up():
    for file in examples():
        lines = tt.run("--check", file).stdout.splitlines()
        begin = lines.index("memory, at most:")
        assert lines[begin - 1] == ""
        memory = [re.fullmatch(r" *(\d+) +[\d.]+ MiB  (.+)", x) for x in lines[begin + 1:-1]]
        assert all(memory) and len(memory) > 4, lines
        total = sum(int(m[1]) for m in memory)
        assert lines[-1] == "memory bound: %d bytes resident" % total, (file, lines)


def test_where_the_data_of_a_sink_comes_from_is_said():
    r = tt.run("--check", os.path.join(EXAMPLES, "gateway.yaml"))
    assert re.search(r"(?m)^  DatabaseThread +IN data from TCPServerThread, durable$", r.stdout), r.stdout
    assert re.search(r"(?m)^    TCPConnectionThread +one for each connection$", r.stdout), r.stdout


def test_no_secret_is_shown():
    file = written(SECRETS)
    for option in ("--check", "--graph"):
        r = tt.run(option, file)
        assert r.returncode == 0, r
        assert "geheim" not in r.stdout + r.stderr, r
        assert "wss://cloud.example.com/in?***" in r.stdout and "headers: ***" in r.stdout, r.stdout


if __name__ == "__main__":
    tt.main()
