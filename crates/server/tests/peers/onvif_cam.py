"""A camera with a loudspeaker: GStreamer's ONVIF RTSP server, H.264, G.711 and a back channel of Profile T.

Usage: onvif_cam.py PORT CODEC FILE [USER PASSWORD]
CODEC is what the back channel takes: pcmu, pcma or l16. What was spoken is appended to FILE as it comes: signed 16-bit
samples, low byte first, mono, 8000 a second (16000 for l16). Serves rtsp://127.0.0.1:PORT/cam until it is ended; prints
`ready` when it listens.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

PIPELINE = (
    "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=360,framerate=25/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=1000 key-int-max=25"
    " ! video/x-h264,profile=baseline ! rtph264pay name=pay0 pt=96 config-interval=-1"
    " audiotestsrc is-live=true freq=440 ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 pt=8 )"
)

BACK_CHANNELS = {
    "pcmu": ("payload=0,clock-rate=8000,encoding-name=PCMU", "rtppcmudepay ! mulawdec"),
    "pcma": ("payload=8,clock-rate=8000,encoding-name=PCMA", "rtppcmadepay ! alawdec"),
    "l16": ("payload=97,clock-rate=16000,encoding-name=L16,channels=(int)1", "rtpL16depay"),
}


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
        f' ! filesink location="{path}" buffer-mode=unbuffered sync=false async=false )'
    )
    factory.set_shared(False)

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
