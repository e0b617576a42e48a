"""destination.py - a websocket destination that checks what it gets, and can be told
to behave badly.

It speaks RFC 6455 by itself, so that it can break each rule on purpose; that the
daemon also gets on with a server that others wrote is a test of its own."""
import base64
import contextlib
import hashlib
import socket
import struct
import threading
import time

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# How it can behave, each until it is told otherwise:
#   good      answers pings
#   away      nothing listens on its port
#   silent    accepts, and never says a word
#   hangup    accepts, and closes at once
#   mute      upgrades, then neither reads nor says a word
#   403       answers the handshake so
#   garbage   answers the handshake with bytes that are no HTTP
#   reset     upgrades, then resets once the first message has come
#   half      upgrades, then shuts down its sending side, and reads on
#   slow      upgrades, then reads 2 kB/s
#   no_pong   reads, and swallows pings
MODES = ("good", "away", "silent", "hangup", "mute", "403", "garbage", "reset", "half", "slow", "no_pong")


class Gone(Exception):
    pass


class Destination:
    """Listens on a port of its own from the start.  `messages` are (opcode, bytes)
    of every whole message in order; `answer(message)` may return a text to send."""

    def __init__(self, mode="good", answer=None, context=None, subprotocol=None):
        self.messages = []
        self.requests = []              # the handshakes, as text
        self.pings = []
        self.closes = []                # codes of the close frames that came
        self.errors = []                # what the daemon did wrong
        self.connects = 0
        self.answer = answer
        self.context = context          # an ssl.SSLContext, to speak TLS
        self.subprotocol = subprotocol
        self.port = 0
        self.mode = "away"
        self.lock = threading.Lock()
        self.listener = None
        self.connections = set()
        self.set("good")
        if mode != "good":
            self.set(mode)

    @property
    def url(self):
        return "%s://127.0.0.1:%d/ingest" % ("wss" if self.context else "ws", self.port)

    @property
    def payloads(self):
        return [m for _, m in self.messages]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.set("away")

    def set(self, mode, drop=True):
        """Behaves in MODE from now on.  With DROP connections that stand are closed,
        so that the new one begins with a handshake."""
        assert mode in MODES
        self.mode = mode
        if mode == "away" and self.listener is not None:
            # shutdown wakes the thread that accepts; close alone would leave the
            # port open until it returns.
            with contextlib.suppress(OSError):
                self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.thread.join()
            self.listener = None
        if drop:
            with self.lock:
                for s in self.connections:
                    with contextlib.suppress(OSError):
                        s.shutdown(socket.SHUT_RDWR)
        if mode != "away" and self.listener is None:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Small, so that who does not read is felt soon.
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            self.listener.bind(("127.0.0.1", self.port))
            self.listener.listen(64)
            self.port = self.listener.getsockname()[1]
            self.thread = threading.Thread(target=self._accept, args=(self.listener,), daemon=True)
            self.thread.start()

    def _accept(self, listener):
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connects += 1
                self.connections.add(s)
            if self.mode == "hangup":
                # A reset as likely as a FIN, before a handshake of TLS too.
                with self.lock:
                    self.connections.discard(s)
                if self.connects % 2:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.close()
                continue
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, raw):
        s = raw
        try:
            if self.context is not None:
                s = self.context.wrap_socket(raw, server_side=True)
                with self.lock:         # RAW is empty from now on
                    self.connections.discard(raw)
                    self.connections.add(s)
            Connection(self, s).run(self.mode)
        except (Gone, OSError):
            pass
        finally:
            with self.lock:
                self.connections -= {raw, s}
            with contextlib.suppress(OSError):
                s.close()


class Connection:
    """One connection, from the handshake on."""

    def __init__(self, owner, sock):
        self.owner = owner
        self.sock = sock
        self.buffer = bytearray()
        self.at = 0
        self.message = None

    def fill(self, n=65536):
        if self.at > 1 << 16:
            del self.buffer[:self.at]
            self.at = 0
        data = self.sock.recv(n)
        if not data:
            raise Gone
        self.buffer += data

    def take(self, n):
        while len(self.buffer) - self.at < n:
            self.fill()
        out = bytes(self.buffer[self.at:self.at + n])
        self.at += n
        return out

    def wait_end(self):
        while True:
            self.fill()
            self.buffer.clear()

    def hold(self):
        """Reads nothing until the owner shuts the socket down, or behaves better."""
        mode = self.owner.mode
        while self.owner.mode == mode and self.sock in self.owner.connections:
            time.sleep(0.02)
        raise Gone

    def run(self, mode):
        if mode == "hangup":            # since it was accepted
            raise Gone
        if mode == "silent":
            self.hold()
        if mode == "garbage":
            self.handshake(answer=b"\x00\xff what is this?\r\n\r\n")
            self.wait_end()
        if mode == "403":
            self.handshake(answer=b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            raise Gone
        self.handshake()
        if mode == "mute":
            self.hold()
        if mode == "half":
            self.sock.shutdown(socket.SHUT_WR)
        while True:
            if mode == "slow" and self.owner.mode == "slow":
                self.fill(200)
                time.sleep(0.1)
                while self.whole_frame_is_there():
                    self.frame(mode)
                continue
            self.frame(mode)
            if mode == "reset" and self.owner.messages:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise Gone

    def handshake(self, answer=None):
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > 1 << 16:
                raise Gone
            self.fill()
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer = bytearray(rest)
        self.owner.requests.append(head.decode("latin-1"))
        if answer is not None:
            self.sock.sendall(answer)
            return
        fields = {}
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            fields[name.strip().lower()] = value.strip()
        accept = base64.b64encode(hashlib.sha1(fields[b"sec-websocket-key"] + GUID).digest())
        more = b""
        if self.owner.subprotocol:
            more = b"Sec-WebSocket-Protocol: " + self.owner.subprotocol.encode() + b"\r\n"
        self.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          b"Sec-WebSocket-Accept: " + accept + b"\r\n" + more + b"\r\n")

    def whole_frame_is_there(self):
        have = len(self.buffer) - self.at
        if have < 6:
            return False
        n, header = self.buffer[self.at + 1] & 127, 6
        if n == 126:
            n, header = struct.unpack_from(">H", self.buffer, self.at + 2)[0], 8
        elif n == 127:
            header = 14
            if have < header:
                return False
            n = struct.unpack_from(">Q", self.buffer, self.at + 2)[0]
        return have >= header + n

    def frame(self, mode):
        first, second = self.take(2)
        n = second & 127
        if n == 126:
            n = struct.unpack(">H", self.take(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self.take(8))[0]
        if not second & 128:
            self.owner.errors.append("a frame without a mask")
            raise Gone
        if first & 0x70:
            self.owner.errors.append("a frame with reserved bits")
            raise Gone
        key = self.take(4)
        data = self.take(n)
        if n:
            mask = int.from_bytes(key * (n // 4 + 1), "big") >> 8 * (4 - n % 4)
            data = (int.from_bytes(data, "big") ^ mask).to_bytes(n, "big")
        opcode, final = first & 15, first & 128
        if opcode == 9:
            self.owner.pings.append(data)
            if mode != "no_pong":
                self.send(10, data)
        elif opcode == 8:
            self.owner.closes.append(struct.unpack(">H", data[:2])[0] if n >= 2 else 1005)
            self.send(8, data)
            raise Gone
        elif opcode in (0, 1, 2):
            self.part(opcode, final, data)
        elif opcode != 10:
            self.owner.errors.append("opcode %d" % opcode)

    def part(self, opcode, final, data):
        if (opcode == 0) != (self.message is not None):
            self.owner.errors.append("a broken sequence of fragments")
            raise Gone
        if opcode:
            self.message = [opcode, b""]
        self.message[1] += data
        if final:
            message, self.message = tuple(self.message), None
            self.owner.messages.append(message)
            if self.owner.answer is not None:
                text = self.owner.answer(message)
                if text:
                    self.send(1, text.encode())

    def send(self, opcode, data):
        n = len(data)
        size = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else \
            b"\x7f" + struct.pack(">Q", n)
        self.sock.sendall(bytes([0x80 | opcode]) + size + data)
