"""A camera with a loudspeaker: GStreamer's ONVIF RTSP server, H.264, G.711 and a back channel of Profile T.

Usage: onvif_cam.py PORT CODEC FILE [USER PASSWORD]
CODEC is what the back channel takes: pcmu, pcma or l16. What was spoken is appended to FILE as it comes: signed 16-bit
samples, low byte first, mono, 8000 a second (16000 for l16). FILE.times has a line for each piece of it: when it came, in
milliseconds since 1970, and its bytes. Serves rtsp://127.0.0.1:PORT/cam until it is ended. Prints `ready` when it listens,
and `began` and `ended`, each with its time, for every session that has the back channel.
"""

import sys
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

# What a session does not ask for has nowhere to go: without this, the first such packet would end the whole camera.
UNASKED = "errorignore ignore-notlinked=true convert-to=ok"
PIPELINE = (
    "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=360,framerate=25/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=1000 key-int-max=25"
    f" ! video/x-h264,profile=baseline ! {UNASKED} ! rtph264pay name=pay0 pt=96 config-interval=-1"
    " audiotestsrc is-live=true freq=440 ! audio/x-raw,rate=8000,channels=1"
    f" ! alawenc ! {UNASKED} ! rtppcmapay name=pay1 pt=8 )"
)

# How long it keeps sound back that came, so that late packets find their place. GStreamer's own choice is 200.
JITTER_BUFFER_MS = 50

BACK_CHANNELS = {
    "pcmu": ("payload=0,clock-rate=8000,encoding-name=PCMU", "rtppcmudepay ! mulawdec"),
    "pcma": ("payload=8,clock-rate=8000,encoding-name=PCMA", "rtppcmadepay ! alawdec"),
    "l16": ("payload=97,clock-rate=16000,encoding-name=L16,channels=(int)1", "rtpL16depay"),
}


class Loudspeaker:
    """Keeps what is said to the camera, and when."""

    def __init__(self, path: str) -> None:
        self.sound = open(path, "ab", buffering=0)
        self.times = open(f"{path}.times", "a", buffering=1)

    def attend(self, _factory, media) -> None:
        """Listens to a session, if it has the back channel."""
        ear = media.get_element().get_by_name("ear")
        if ear is None:
            return
        ear.connect("handoff", self.hear)
        tell("began")
        media.connect("unprepared", lambda _media: tell("ended"))

    def hear(self, _ear, buffer, _pad) -> None:
        now = now_ms()
        sound = buffer.extract_dup(0, buffer.get_size())
        self.sound.write(sound)
        self.times.write(f"{now:.3f} {len(sound)}\n")


def now_ms() -> float:
    return time.time_ns() / 1e6


def tell(what: str) -> None:
    print(f"{what} {now_ms():.3f}", flush=True)


def main() -> None:
    port, codec, path = sys.argv[1:4]
    Gst.init(None)

    caps, decode = BACK_CHANNELS[codec]
    factory = GstRtspServer.RTSPOnvifMediaFactory()
    factory.set_media_gtype(GstRtspServer.RTSPOnvifMedia.__gtype__)
    factory.set_launch(PIPELINE)
    factory.set_backchannel_launch(
        f'( capsfilter caps="application/x-rtp,media=audio,{caps}" name=depay_backchannel'
        f" ! {decode} ! audioconvert ! audio/x-raw,format=S16LE,channels=1"
        " ! fakesink name=ear signal-handoffs=true sync=false async=false )"
    )
    factory.set_shared(False)
    factory.set_latency(JITTER_BUFFER_MS)
    factory.connect("media-configure", Loudspeaker(path).attend)

    server = GstRtspServer.RTSPOnvifServer()
    if len(sys.argv) > 5:
        user, password = sys.argv[4:6]
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "talker")
        auth = GstRtspServer.RTSPAuth()
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("talker", "media.factory.access", True)
        permissions.add_permission_for_role("talker", "media.factory.construct", True)
        factory.set_permissions(permissions)
        server.set_auth(auth)

    server.set_address("127.0.0.1")
    server.set_service(port)
    server.get_mount_points().add_factory("/cam", factory)
    if server.attach(None) == 0:
        sys.exit(f"port {port} cannot be used")
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
