"""Talks to a camera as ONVIF Profile T has it: GStreamer's rtspsrc with its back channel, and a tone.

Usage: onvif_talker.py URL CODEC HERTZ SECONDS [TRANSPORT]
CODEC is pcmu or pcma; TRANSPORT is tcp (the default) or udp. Prints `back channel` when the camera offers one, `seen N`
with the buffers of media that came the other way, and ends by itself; fails when there is no back channel.
"""

import ctypes
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import GLib, Gst, GstApp  # noqa: E402, F401

GSTREAMER = ctypes.CDLL("libgstreamer-1.0.so.0")
PAYLOADS = {"pcmu": "mulawenc ! rtppcmupay", "pcma": "alawenc ! rtppcmapay"}


class Talker:
    def __init__(self, url: str, codec: str, hertz: str, seconds: float, transport: str) -> None:
        self.loop = GLib.MainLoop()
        self.codec, self.hertz, self.seconds = codec, hertz, seconds
        self.seen = 0
        self.mouth = None
        self.pipeline = Gst.Pipeline.new(None)
        self.source = Gst.ElementFactory.make("rtspsrc")
        self.source.set_property("location", url)
        self.source.set_property("backchannel", 1)
        self.source.set_property("protocols", 4 if transport == "tcp" else 1)
        self.source.connect("select-stream", self.select)
        self.source.connect("pad-added", self.added)
        self.pipeline.add(self.source)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self.told)

    def select(self, _source: Gst.Element, index: int, caps: Gst.Caps) -> bool:
        description = caps.get_structure(0)
        if description.get_string("media") == "audio" and description.has_field("a-sendonly"):
            print("back channel", flush=True)
            self.mouth = Gst.parse_launch(
                f"audiotestsrc is-live=true freq={self.hertz} volume=0.5 samplesperbuffer=160"
                f" ! audio/x-raw,rate=8000,channels=1 ! {PAYLOADS[self.codec]} min-ptime=20000000 max-ptime=20000000"
                " ! appsink name=out emit-signals=true sync=false"
            )
            self.mouth.get_by_name("out").connect("new-sample", self.spoken, index)
        return True

    def spoken(self, sink: Gst.Element, index: int) -> Gst.FlowReturn:
        sample = sink.emit("pull-sample")
        # The signal takes a reference with it that is ours (GStreamer 1.22): here is one to take.
        GSTREAMER.gst_mini_object_ref(ctypes.c_void_p(hash(sample)))
        return self.source.emit("push-backchannel-sample", index, sample)

    def added(self, _source: Gst.Element, pad: Gst.Pad) -> None:
        sink = Gst.ElementFactory.make("fakesink")
        sink.set_property("signal-handoffs", True)
        sink.connect("handoff", self.saw)
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    def saw(self, *_: object) -> None:
        self.seen += 1

    def told(self, _bus: Gst.Bus, message: Gst.Message) -> None:
        if message.type == Gst.MessageType.ERROR:
            print(message.parse_error(), file=sys.stderr, flush=True)
            self.loop.quit()
        elif message.type == Gst.MessageType.PROGRESS:
            kind, code, _text = message.parse_progress()
            if code == "request" and kind == Gst.ProgressType.COMPLETE and self.mouth is not None:
                self.mouth.set_state(Gst.State.PLAYING)
                GLib.timeout_add(int(self.seconds * 1000), self.loop.quit)

    def run(self) -> bool:
        self.pipeline.set_state(Gst.State.PLAYING)
        GLib.timeout_add_seconds(15, self.loop.quit)
        self.loop.run()
        if self.mouth is not None:
            self.mouth.set_state(Gst.State.NULL)
        self.pipeline.set_state(Gst.State.NULL)
        print(f"seen {self.seen}", flush=True)
        return self.mouth is not None


def main() -> None:
    url, codec, hertz, seconds = sys.argv[1:5]
    transport = sys.argv[5] if len(sys.argv) > 5 else "tcp"
    Gst.init(None)
    if not Talker(url, codec, hertz, float(seconds), transport).run():
        sys.exit("the camera offers no back channel")


if __name__ == "__main__":
    main()
