#!/usr/bin/python3
"""The README: the code that it quotes is the code that there is."""
import os
import re

import tt


def text(name):
    with open(os.path.join(tt.TOP, name)) as f:
        return f.read()


def tutorial():
    """The README's section "A kind of your own", up to where the file ends."""
    section = re.search(r"\n\n\nA kind of your own\n(.*?)\nTo make one of your own", text("README"), re.S)
    assert section, "no such section"
    return section.group(1)


def blocks(section):
    return [re.sub(r"(?m)^    ", "", b) for b in re.findall(r"(?m)(?:^    .*\n(?:^ *\n(?=    ))*)+", section)]


def solid(source):
    """The lines of SOURCE that are not empty, as they look with tabs of eight."""
    return [line.expandtabs(8).rstrip() for line in source.split("\n") if line.strip()]


def test_the_tutorial_quotes_the_whole_timer_thread_and_nothing_else():
    example, *code = blocks(tutorial())
    assert "TimerThread" in example
    quoted, there = solid("\n".join(code)), solid(text("plugins/timer_thread.c"))
    for i, (a, b) in enumerate(zip(quoted, there)):
        assert a == b, "line %d that is not empty:\nthe README has %r\nthe file has   %r" % (i + 1, a, b)
    assert len(quoted) == len(there), (len(quoted), len(there))


def test_the_example_of_the_tutorial_is_right():
    example = blocks(tutorial())[0]
    path = os.path.join(tt.directory(), "tree.yaml")
    with open(path, "w") as f:
        f.write("taskthread: 1\nMasterThread:\n  %s  DatabaseThread: {path: x.db}\n" % example)
    r = tt.run("--check", path)
    assert r.returncode == 0 and r.stderr == "", r


if __name__ == "__main__":
    tt.main()
