"""One end of a conference on aiortc, a WebRTC stack of others, which knows SDP only: what our side says in ORTC becomes
a remote description, and its own description becomes ORTC, as in a handler of mediasoup-client.

usage: peer.py send|receive PORT   Lines of JSON go both ways over TCP to PORT of this machine.

send:    is told {transport}; says {dtlsParameters, producers, streamId}.
receive: is told {transport, routerRtpCapabilities}; says {rtpCapabilities}; is told {consumers, streamId}; says
         {dtlsParameters}, and from then on what it saw, each 200 ms; last {ended: true} when the connection is closed.

Pictures have a bright and a dark half, and above these their number in blocks. The sound is a tone.
"""
import array
import asyncio
import fractions
import json
import math
import sys
import time

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack, sdp
from aiortc.codecs import HEADER_EXTENSIONS
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

WIDTH, HEIGHT = 320, 240
BITS, BLOCK = 16, WIDTH // 16
NUMBER_HEIGHT = 40
DARK, BRIGHT = 60, 180
ZERO, ONE = 30, 220
HERTZ, RATE = 440, 48000


# pictures and sound


class Picture(VideoStreamTrack):
    number = 0

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
        bits = [ONE if self.number >> bit & 1 else ZERO for bit in range(BITS)]
        numbered = b"".join(bytes([bit]) * BLOCK for bit in bits)
        plain = bytes([DARK]) * (WIDTH // 2) + bytes([BRIGHT]) * (WIDTH // 2)
        luma, *chroma = frame.planes
        padding = bytes(luma.line_size - WIDTH)
        luma.update((numbered + padding) * NUMBER_HEIGHT + (plain + padding) * (HEIGHT - NUMBER_HEIGHT))
        for plane in chroma:
            plane.update(bytes([128]) * plane.buffer_size)
        frame.pts, frame.time_base = pts, time_base
        self.number += 1
        return frame


class Tone(MediaStreamTrack):
    kind = "audio"
    began = None
    samples = 0

    async def recv(self):
        self.began = self.began or time.time()
        await asyncio.sleep(self.began + self.samples / RATE - time.time())
        count = RATE // 50
        wave = [math.sin(2 * math.pi * HERTZ * (self.samples + n) / RATE) for n in range(count)]
        frame = AudioFrame(format="s16", layout="mono", samples=count)
        frame.planes[0].update(array.array("h", [int(10000 * value) for value in wave]).tobytes())
        frame.pts, frame.sample_rate, frame.time_base = self.samples, RATE, fractions.Fraction(1, RATE)
        self.samples += count
        return frame


class Seen:
    """What came, decoded."""

    def __init__(self):
        self.pictures = self.wrong = self.backwards = 0
        self.last = -1
        self.sounds = self.crossings = self.samples = 0
        self.messages = []
        self.channel = "none"

    def picture(self, frame):
        luma = bytes(frame.planes[0])
        line = frame.planes[0].line_size
        at = lambda x, y: luma[y * line + x]
        number = sum((at(bit * BLOCK + BLOCK // 2, NUMBER_HEIGHT // 2) > 125) << bit for bit in range(BITS))
        dark, bright = at(WIDTH // 4, HEIGHT * 2 // 3), at(WIDTH * 3 // 4, HEIGHT * 2 // 3)
        same = (frame.width, frame.height) == (WIDTH, HEIGHT)
        self.wrong += not (same and abs(dark - DARK) < 12 and abs(bright - BRIGHT) < 12)
        self.backwards += number <= self.last
        self.last = number
        self.pictures += 1

    def sound(self, frame):
        samples = array.array("h", bytes(frame.planes[0])[: frame.samples * len(frame.layout.channels) * 2])
        left = samples[:: len(frame.layout.channels)]
        self.crossings += sum((before < 0) != (after < 0) for before, after in zip(left, left[1:]))
        self.samples += len(left)
        self.sounds += 1

    def told(self):
        hertz = self.crossings * RATE / 2 / max(self.samples, 1)
        return {
            "pictures": self.pictures,
            "wrong": self.wrong,
            "backwards": self.backwards,
            "last": self.last,
            "sounds": self.sounds,
            "hertz": round(hertz),
            "messages": self.messages,
            "channel": self.channel,
        }


# ORTC and SDP


def section(kind, mid, transport, setup, direction, protocol, formats, lines):
    ice, dtls = transport["iceParameters"], transport["dtlsParameters"]
    fingerprint = dtls["fingerprints"][-1]
    candidates = [
        f"a=candidate:{it['foundation']} 1 {it['protocol']} {it['priority']} {it['address']} {it['port']} typ host"
        for it in transport["iceCandidates"]
        if it["protocol"] == "udp"
    ]
    return [
        f"m={kind} 7 {protocol} {formats}",
        "c=IN IP4 127.0.0.1",
        f"a=mid:{mid}",
        *([f"a={direction}", "a=rtcp:9 IN IP4 0.0.0.0", "a=rtcp-mux"] if direction else []),
        f"a=ice-ufrag:{ice['usernameFragment']}",
        f"a=ice-pwd:{ice['password']}",
        *candidates,
        "a=end-of-candidates",
        f"a=fingerprint:{fingerprint['algorithm']} {fingerprint['value']}",
        f"a=setup:{setup}",
        *lines,
    ]


def media_section(kind, transport, setup, direction, parameters):
    lines = []
    for codec in parameters["codecs"]:
        number = codec["payloadType"]
        channels = f"/{codec['channels']}" if codec.get("channels", 1) > 1 else ""
        lines.append(f"a=rtpmap:{number} {codec['mimeType'].split('/')[1]}/{codec['clockRate']}{channels}")
        if codec.get("parameters"):
            fmtp = ";".join(f"{name}={value}" for name, value in codec["parameters"].items())
            lines.append(f"a=fmtp:{number} {fmtp}")
        for feedback in codec.get("rtcpFeedback", []):
            lines.append(f"a=rtcp-fb:{number} {feedback['type']} {feedback.get('parameter', '')}".rstrip())
    lines += [f"a=extmap:{it['id']} {it['uri']}" for it in parameters.get("headerExtensions", [])]
    if direction == "sendonly":
        cname = parameters["rtcp"]["cname"]
        lines.append(f"a=msid:{cname} {kind}")
        for encoding in parameters["encodings"]:
            ssrcs = [encoding["ssrc"]] + ([encoding["rtx"]["ssrc"]] if encoding.get("rtx") else [])
            if len(ssrcs) > 1:
                lines.append("a=ssrc-group:FID " + " ".join(map(str, ssrcs)))
            lines += [f"a=ssrc:{ssrc} cname:{cname}" for ssrc in ssrcs]
    formats = " ".join(str(codec["payloadType"]) for codec in parameters["codecs"])
    return section(kind, parameters["mid"], transport, setup, direction, "UDP/TLS/RTP/SAVPF", formats, lines)


def data_section(mid, transport, setup):
    sctp = transport["sctpParameters"]
    lines = [f"a=sctp-port:{sctp['port']}", f"a=max-message-size:{sctp['maxMessageSize']}"]
    return section("application", mid, transport, setup, None, "UDP/DTLS/SCTP", "webrtc-datachannel", lines)


def description(type, sections):
    mids = [line[6:] for lines in sections for line in lines if line.startswith("a=mid:")]
    head = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=ice-lite", "a=msid-semantic: WMS *"]
    lines = [*head, f"a=group:BUNDLE {' '.join(mids)}"] + [line for lines in sections for line in lines]
    return RTCSessionDescription(type=type, sdp="\r\n".join(lines) + "\r\n")


def own_dtls(local):
    """We are the client, as mediasoup-client is."""
    fingerprints = [{"algorithm": it.algorithm, "value": it.value} for it in local.media[0].dtls.fingerprints]
    return {"role": "client", "fingerprints": [it for it in fingerprints if it["algorithm"] == "sha-256"]}


def codec_dict(codec):
    described = {"mimeType": codec.mimeType, "clockRate": codec.clockRate, "parameters": dict(codec.parameters)}
    if codec.channels:
        described["channels"] = codec.channels
    feedback = [{"type": it.type, "parameter": it.parameter or ""} for it in codec.rtcpFeedback]
    return {**described, "payloadType": codec.payloadType, "rtcpFeedback": feedback}


def send_parameters(media):
    """What a section of our own offer sends: its first codec, and the repair of that."""
    first = media.rtp.codecs[0]
    repair = [it for it in media.rtp.codecs if it.parameters.get("apt") == first.payloadType]
    ssrcs = [it.ssrc for it in media.ssrc]
    encoding = {"ssrc": ssrcs[0], **({"rtx": {"ssrc": ssrcs[1]}} if repair and len(ssrcs) > 1 else {})}
    return {
        "mid": media.rtp.muxId,
        "codecs": [codec_dict(it) for it in [first, *repair]],
        "headerExtensions": [{"uri": it.uri, "id": it.id} for it in media.rtp.headerExtensions],
        "encodings": [encoding],
        "rtcp": {"cname": media.ssrc[0].cname},
    }


def receive_capabilities(router):
    """Of what the router carries, what aiortc knows."""
    known = {"audio/opus": [], "video/vp8": [("nack", ""), ("nack", "pli"), ("goog-remb", "")]}
    codecs, numbers = [], set()
    for codec in router["codecs"]:
        feedback = known.get(codec["mimeType"].lower(), [])
        if codec["mimeType"].lower() in known:
            numbers.add(codec["preferredPayloadType"])
        elif codec.get("parameters", {}).get("apt") not in numbers:
            continue
        wanted = [it for it in codec.get("rtcpFeedback", []) if (it["type"], it.get("parameter", "")) in feedback]
        codecs.append({**codec, "rtcpFeedback": wanted})
    uris = {it.uri for known in HEADER_EXTENSIONS.values() for it in known}
    return {"codecs": codecs, "headerExtensions": [it for it in router["headerExtensions"] if it["uri"] in uris]}


# the two ends


class Line:
    """Lines of JSON to and from our side."""

    async def open(self, port):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def told(self):
        return json.loads(await self.reader.readline())

    def say(self, what):
        self.writer.write(json.dumps(what).encode() + b"\n")


async def send(line):
    transport = (await line.told())["transport"]
    peer = RTCPeerConnection()
    peer.addTrack(Tone())
    peer.addTrack(Picture())
    channel = peer.createDataChannel("words", negotiated=True, id=1)
    await peer.setLocalDescription(await peer.createOffer())
    local = sdp.SessionDescription.parse(peer.localDescription.sdp)
    producers, sections = [], []
    for media in local.media:
        if media.kind == "application":
            sections.append(data_section(media.rtp.muxId, transport, "passive"))
            continue
        parameters = send_parameters(media)
        producers.append({"kind": media.kind, "rtpParameters": parameters})
        sections.append(media_section(media.kind, transport, "passive", "recvonly", parameters))
    line.say({"dtlsParameters": own_dtls(local), "producers": producers, "streamId": 1})
    await peer.setRemoteDescription(description("answer", sections))
    while True:
        await asyncio.sleep(0.2)
        if channel.readyState == "open":
            channel.send("words")


async def receive(line):
    told = await line.told()
    transport = told["transport"]
    line.say({"rtpCapabilities": receive_capabilities(told["routerRtpCapabilities"])})
    told = await line.told()
    seen, peer = Seen(), RTCPeerConnection()

    @peer.on("track")
    def on_track(track):
        async def watch():
            take = seen.picture if track.kind == "video" else seen.sound
            try:
                while True:
                    take(await track.recv())
            except MediaStreamError:
                pass  # the connection is closed

        asyncio.ensure_future(watch())

    sections = [
        media_section(it["kind"], transport, "actpass", "sendonly", it["rtpParameters"]) for it in told["consumers"]
    ]
    sections.append(data_section("data", transport, "actpass"))
    channel = peer.createDataChannel("words", negotiated=True, id=told["streamId"])
    channel.on("message", lambda message: seen.messages.append(message) if len(seen.messages) < 3 else None)
    await peer.setRemoteDescription(description("offer", sections))
    await peer.setLocalDescription(await peer.createAnswer())
    line.say({"dtlsParameters": own_dtls(sdp.SessionDescription.parse(peer.localDescription.sdp))})
    while peer.connectionState != "closed":
        seen.channel = channel.readyState
        line.say(seen.told())
        await asyncio.sleep(0.2)
    seen.channel = channel.readyState
    line.say({**seen.told(), "ended": True})
    await line.writer.drain()


async def main():
    line = await Line().open(int(sys.argv[2]))
    await (send if sys.argv[1] == "send" else receive)(line)


asyncio.run(main())
