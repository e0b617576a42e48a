"""viewer.py - a websocket client of this house: raw bytes, so that it can be as wrong, slow
or stuck as a test wants it."""
import base64
import hashlib
import socket
import struct

KEY = base64.b64encode(b"0123456789abcdef").decode()
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def request(path="/", host="127.0.0.1", first=None, drop=(), **more):
    """The bytes of an opening handshake; MORE are headers, with _ for -; DROP leaves out."""
    headers = {"Host": host, "Upgrade": "websocket", "Connection": "Upgrade",
               "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": KEY}
    headers.update({k.replace("_", "-"): v for k, v in more.items()})
    lines = [first or "GET %s HTTP/1.1" % path]
    lines += ["%s: %s" % (k, v) for k, v in headers.items() if k not in drop]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def frame(opcode, payload=b"", fin=True, mask=b"\1\2\3\4", rsv=0):
    """One frame; mask None: without."""
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if mask else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        head += struct.pack(">BH", bit | 126, len(payload))
    else:
        head += struct.pack(">BQ", bit | 127, len(payload))
    if not mask:
        return head + payload
    return head + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(payload))


class Viewer:
    """Connects to PORT and asks; .status says what was answered, .headers how."""

    def __init__(self, port, ask=None, deadline=60, window=None, context=None, host="127.0.0.1"):
        self.sock = socket.socket()
        if window:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.sock.settimeout(deadline)
        self.sock.connect((host, port))
        if context:
            self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
        self.bytes = b""
        self.status = None
        self.pongs = 0
        if ask is not False:
            self.send(ask or request())
            self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def fill(self):
        more = self.sock.recv(65536)
        self.bytes += more
        return bool(more)

    def answer(self):
        while b"\r\n\r\n" not in self.bytes:
            if not self.fill():
                return None
        head, _, self.bytes = self.bytes.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = dict(line.split(": ", 1) for line in lines[1:])
        if self.status == 101:
            proof = base64.b64encode(hashlib.sha1((KEY + GUID).encode()).digest()).decode()
            assert self.headers["Sec-WebSocket-Accept"] == proof, self.headers
        return self.status

    def take(self, n):
        while len(self.bytes) < n:
            if not self.fill():
                raise EOFError
        out, self.bytes = self.bytes[:n], self.bytes[n:]
        return out

    def frame(self):
        """The next frame, (opcode, payload).  A server's is whole, bare and short."""
        first, length = self.take(2)
        assert first & 0xf0 == 0x80, hex(first)
        assert length & 0x80 == 0, "a server masks nothing"
        if length == 126:
            length, = struct.unpack(">H", self.take(2))
            assert length >= 126
        elif length == 127:
            length, = struct.unpack(">Q", self.take(8))
            assert length >= 65536
        return first & 15, self.take(length)

    def message(self):
        """The next message's payload; pings are answered on the way, pongs counted."""
        while True:
            opcode, payload = self.frame()
            if opcode in (1, 2):
                return payload
            if opcode == 9:
                self.send(frame(10, payload))
            elif opcode == 10:
                self.pongs += 1
            else:
                raise EOFError(struct.unpack(">H", payload)[0] if payload else None)

    def end(self):
        """The code that the daemon closes with, whatever comes before; None: without."""
        try:
            while True:
                self.message()
        except EOFError as e:
            return e.args[0] if e.args else None
        except ConnectionResetError:
            return None

    def rest(self):
        """All bytes up to the end."""
        try:
            while self.fill():
                pass
        except ConnectionResetError:
            pass
        return self.bytes

