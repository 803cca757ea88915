"""An SCTP peer with aiortc's own stack over plain UDP: echoes on every channel, and opens one itself.

usage: peer.py PORT ROLE LOSS SEED   PORT is ours to talk to; ROLE `client` or `server` is the peer's DTLS role; LOSS of 1000
packets are lost, each way. Prints its own port, then `connected`, then `closed`, and ends.
"""
import asyncio
import random
import sys

from aiortc import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport

port, role, loss = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
dice = random.Random(int(sys.argv[4]))


def say(line):
    print(line, flush=True)


class Wire(asyncio.DatagramProtocol):
    """What aiortc takes for a DTLS transport."""

    state = "connected"
    _role = role
    receiver = None

    def connection_made(self, transport):
        self.udp = transport

    def datagram_received(self, data, _):
        if self.receiver and dice.randrange(1000) >= loss:
            asyncio.ensure_future(self.receiver._handle_data(data))

    def _register_data_receiver(self, receiver):
        self.receiver = receiver

    def _unregister_data_receiver(self, receiver):
        self.receiver = None

    async def _send_data(self, data):
        if dice.randrange(1000) >= loss:
            self.udp.sendto(data)


def echo(channel):
    @channel.on("message")
    def on_message(message):
        if message == "close me":
            channel.close()
        else:
            channel.send(message)


async def main():
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_datagram_endpoint(
        Wire, local_addr=("127.0.0.1", 0), remote_addr=("127.0.0.1", port)
    )
    sctp = RTCSctpTransport(wire)
    sctp.on("datachannel", echo)
    for number, options in [(100, {}), (101, {"ordered": False}), (102, {"ordered": False, "maxRetransmits": 0})]:
        echo(RTCDataChannel(sctp, RTCDataChannelParameters(negotiated=True, id=number, **options)))
    theirs = RTCDataChannel(
        sctp, RTCDataChannelParameters(label="theirs", protocol="p", ordered=False, maxPacketLifeTime=5000)
    )
    theirs.on("open", lambda: theirs.send("hello"))
    echo(theirs)
    say(wire.udp.get_extra_info("sockname")[1])
    await sctp.start(RTCSctpCapabilities(maxMessageSize=65536), 5000)
    told = None
    while sctp.state != "closed":
        if sctp.state != told:
            told = sctp.state
            say(told)
        await asyncio.sleep(0.02)
    say("closed")


asyncio.run(main())
