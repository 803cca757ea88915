"""aiohomekit, which is Home Assistant's controller, with one of our cameras: python3 FILE PORT ID PIN FOLDER FFMPEG STEP.

STEP is `pair` (with a wrong pin first), `look`, `talk` or `unpair`; what pairing gave is kept in FOLDER, as a phone keeps it. Each thing that went
well is a line; whatever goes wrong is a traceback and an exit status.
"""

import asyncio
import base64
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
from unittest.mock import MagicMock

from aiohomekit.characteristic_cache import CharacteristicCacheMemory
from aiohomekit.controller.ip.controller import IpController
from aiohomekit.controller.ip.discovery import IpDiscovery
from aiohomekit.exceptions import AuthenticationError
from aiohomekit.model.categories import Categories
from aiohomekit.model.feature_flags import FeatureFlags
from aiohomekit.model.status_flags import StatusFlags
from aiohomekit.zeroconf import HomeKitService

PORT, ID, PIN, FOLDER, FFMPEG, STEP = int(sys.argv[1]), *sys.argv[2:]
PAIRING = pathlib.Path(FOLDER) / "pairing.json"


def short(kind):
    return kind.split("-")[0].lstrip("0").upper()


def find(accessory, service, *kinds):
    """Where characteristics are, for each service of this type."""
    found = []
    for candidate in accessory["services"]:
        if short(candidate["type"]) == service:
            by_kind = {short(one["type"]): one["iid"] for one in candidate["characteristics"]}
            found.append([(accessory["aid"], by_kind[kind]) for kind in kinds])
    return found


def tlv(kind, value):
    return bytes([kind, len(value)]) + value


def number(value, size):
    return value.to_bytes(size, "little")


def parse(data):
    items, at = {}, 0
    while at < len(data):
        kind, length = data[at], data[at + 1]
        items[kind] = data[at + 2 : at + 2 + length]
        at += 2 + length
    return items


class View:
    """A stream that is asked for, to a port of this machine."""

    def __init__(self, place, port):
        self.setup, self.selected, self.status = place
        self.session, self.port = os.urandom(16), port
        self.key, self.salt = os.urandom(16), os.urandom(14)

    def request(self):
        address = tlv(1, b"\0") + tlv(2, b"127.0.0.1") + tlv(3, number(self.port, 2)) + tlv(4, number(self.port + 2, 2))
        srtp = tlv(1, b"\0") + tlv(2, self.key) + tlv(3, self.salt)
        return base64.b64encode(tlv(1, self.session) + tlv(3, address) + tlv(4, srtp) + tlv(5, srtp)).decode()

    def start(self):
        rtp = tlv(1, b"\x63") + tlv(2, number(4242, 4)) + tlv(3, number(800, 2)) + tlv(4, bytes.fromhex("0000003f"))
        video = tlv(1, b"\0") + tlv(2, tlv(1, b"\1") + tlv(2, b"\0") + tlv(3, b"\0"))
        video += tlv(3, tlv(1, number(1280, 2)) + tlv(2, number(720, 2)) + tlv(3, b"\x1e"))
        video += tlv(4, rtp + tlv(5, number(1378, 2)))
        sound = tlv(1, b"\3") + tlv(2, tlv(1, b"\1") + tlv(2, b"\0") + tlv(3, b"\2") + tlv(4, b"\x14"))
        sound += tlv(3, rtp.replace(b"\x01\x01\x63", b"\x01\x01\x6e") + tlv(6, b"\x0d")) + tlv(4, b"\0")
        control = tlv(1, self.session) + tlv(2, b"\1")
        return base64.b64encode(tlv(1, control) + tlv(2, video) + tlv(3, sound)).decode()

    def end(self):
        return base64.b64encode(tlv(1, tlv(1, self.session) + tlv(2, b"\0"))).decode()

    def sdp(self):
        keys = base64.b64encode(self.key + self.salt).decode()
        return (
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=view\nc=IN IP4 127.0.0.1\nt=0 0\n"
            f"m=video {self.port} RTP/SAVP 99\na=rtpmap:99 H264/90000\na=fmtp:99 packetization-mode=1\n"
            f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{keys}\n"
        )

    async def ask(self, pairing):
        assert await pairing.put_characteristics([(*self.setup, self.request())]) == {}
        answer = parse(base64.b64decode((await pairing.get_characteristics([self.setup]))[self.setup]["value"]))
        assert answer[1] == self.session and answer[2] == b"\0", answer
        assert parse(answer[4])[2] == self.key, "the key is that of both directions"
        self.accessory_port = int.from_bytes(parse(answer[3])[4], "little")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


async def pair(controller):
    description = HomeKitService(
        name="cam", id=ID.lower(), model="", feature_flags=FeatureFlags(0), status_flags=StatusFlags(1), config_num=1,
        state_num=1, category=Categories(17), protocol_version="1.1", type="_hap._tcp.local.", address="127.0.0.1",
        addresses=["127.0.0.1"], port=PORT,
    )
    discovery = IpDiscovery(controller, description)
    finish = await discovery.async_start_pairing("cam")
    try:
        await finish("111-22-334")
        raise SystemExit("a wrong pin pairs")
    except AuthenticationError:
        print("wrong pin refused")
    finish = await discovery.async_start_pairing("cam")
    pairing = await finish(PIN)
    PAIRING.write_text(json.dumps(dict(pairing.pairing_data)))
    print("paired")
    await pairing.close()
    await discovery.close()


async def look(pairing):
    accessories = await pairing.list_accessories_and_characteristics()
    places = find(accessories[0], "110", "118", "117", "120")
    print(f"{len(accessories)} accessory, {len(places) >= 2 and 'two streams or more'}")

    picture = await pairing.image(1, 640, 360)
    assert picture[:2] == b"\xff\xd8", picture[:8]
    (pathlib.Path(FOLDER) / "picture.jpg").write_bytes(picture)
    print("picture")

    told = asyncio.Event()
    status = places[0][2]
    pairing.dispatcher_connect(lambda data: told.set() if status in data else None)
    await pairing.subscribe([place[2] for place in places])

    # one goes to ffmpeg, which deciphers and decodes it; the other one is timed
    shown, timed = View(places[0], free_port()), View(places[1], free_port())
    sdp = pathlib.Path(FOLDER) / "view.sdp"
    sdp.write_text(shown.sdp())
    words = ["-v", "error", "-protocol_whitelist", "file,udp,rtp,srtp", "-i", str(sdp), "-frames:v", "40", "-f", "framemd5", "-"]
    ffmpeg = subprocess.Popen([FFMPEG, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    await asyncio.sleep(1)
    await shown.ask(pairing)
    assert await pairing.put_characteristics([(*shown.selected, shown.start())]) == {}

    box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    box.bind(("127.0.0.1", timed.port))
    box.settimeout(10)
    first = []
    waiting = threading.Thread(target=lambda: (box.recv(2000), first.append(time.monotonic())))
    waiting.start()
    began = time.monotonic()
    await timed.ask(pairing)
    assert await pairing.put_characteristics([(*timed.selected, timed.start())]) == {}
    await asyncio.to_thread(waiting.join)
    print(f"first packet after {round((first[0] - began) * 1000)} ms")

    await asyncio.wait_for(told.wait(), 10)
    print("status told")
    out, errors = await asyncio.to_thread(ffmpeg.communicate, None, 30)
    pictures = [line for line in out.splitlines() if line.startswith("0,")]
    assert ffmpeg.returncode == 0, errors
    (pathlib.Path(FOLDER) / "ffmpeg.err").write_text(errors)
    print(f"{len(pictures)} pictures decoded")

    for view in (shown, timed):
        assert await pairing.put_characteristics([(*view.selected, view.end())]) == {}
    box.settimeout(0.01)
    try:
        while True:
            box.recv(2000)
    except TimeoutError:
        pass
    box.settimeout(0.5)
    try:
        box.recv(2000)
        raise SystemExit("something follows the end")
    except TimeoutError:
        print("ended")


async def talk(pairing):
    """Says a tone for 4 s while looking, with ffmpeg's Opus and ffmpeg's SRTP."""
    accessories = await pairing.list_accessories_and_characteristics()
    print(f"{len(find(accessories[0], '113', '11A'))} speaker")
    view = View(find(accessories[0], "110", "118", "117", "120")[0], free_port())
    await view.ask(pairing)
    assert await pairing.put_characteristics([(*view.selected, view.start())]) == {}
    keys = base64.b64encode(view.key + view.salt).decode()
    words = ["-v", "error", "-re", "-f", "lavfi", "-i", "sine=frequency=1000:sample_rate=48000", "-t", "4"]
    words += ["-c:a", "libopus", "-ac", "1", "-b:a", "24k", "-frame_duration", "20", "-application", "lowdelay"]
    words += ["-f", "rtp", "-payload_type", "110", "-ssrc", "4242"]
    words += ["-srtp_out_suite", "AES_CM_128_HMAC_SHA1_80", "-srtp_out_params", keys]
    port = view.accessory_port
    words.append(f"srtp://127.0.0.1:{port}?rtcpport={port}&localrtpport={view.port + 2}")
    said = await asyncio.to_thread(subprocess.run, [FFMPEG, *words], capture_output=True, text=True, timeout=30)
    assert said.returncode == 0, said.stderr
    print("said")
    assert await pairing.put_characteristics([(*view.selected, view.end())]) == {}


async def main():
    controller = IpController(char_cache=CharacteristicCacheMemory(), zeroconf_instance=MagicMock())
    if STEP == "pair":
        await pair(controller)
        return
    pairing = controller.load_pairing("cam", json.loads(PAIRING.read_text()))
    if STEP == "look":
        await look(pairing)
    elif STEP == "talk":
        await talk(pairing)
    else:
        accessories = await pairing.list_accessories_and_characteristics()
        print(f"{len(accessories)} accessory")
        await pairing.remove_pairing(pairing.pairing_data["iOSPairingId"])
        print("removed")
    await pairing.close()


asyncio.run(main())
