"""HAP-python as a camera on loopback, without mDNS: python3 FILE PORT ID CODE FOLDER FFMPEG. It streams a test picture by SRTP."""

import asyncio
import sys
from unittest.mock import AsyncMock, MagicMock

from pyhap.accessory_driver import AccessoryDriver
from pyhap.camera import VIDEO_CODEC_PARAM_LEVEL_TYPES, VIDEO_CODEC_PARAM_PROFILE_ID_TYPES, Camera

PORT, ID, CODE, FOLDER, FFMPEG = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5]

OPTIONS = {
    "video": {
        "codec": {
            "profiles": [VIDEO_CODEC_PARAM_PROFILE_ID_TYPES["BASELINE"], VIDEO_CODEC_PARAM_PROFILE_ID_TYPES["MAIN"]],
            "levels": [VIDEO_CODEC_PARAM_LEVEL_TYPES["TYPE3_1"], VIDEO_CODEC_PARAM_LEVEL_TYPES["TYPE4_0"]],
        },
        "resolutions": [[320, 240, 15], [640, 360, 15]],
    },
    "audio": {"codecs": [{"type": "OPUS", "samplerate": 24}]},
    "srtp": True,
    "stream_count": 2,
    "address": "127.0.0.1",
    # a key frame a second; no look-ahead, so that it begins at once; RTCP goes to the same port
    "start_stream_cmd": FFMPEG
    + " -v error -nostdin -re -f lavfi -i testsrc2=size={width}x{height}:rate={fps} -t 110 -an -vcodec libx264"
    " -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g {fps} -b:v {v_max_bitrate}k -payload_type 99 -ssrc {v_ssrc}"
    " -f rtp -srtp_out_suite AES_CM_128_HMAC_SHA1_80 -srtp_out_params {v_srtp_key}"
    " srtp://{address}:{v_port}?rtcpport={v_port}&pkt_size=1378",
}


class Bell(Camera):
    """Somebody moves before it and rings, again and again."""

    def __init__(self, *args, **kwargs):
        super().__init__(OPTIONS, *args, **kwargs)
        self.moves = self.add_preload_service("MotionSensor").configure_char("MotionDetected")
        self.pressed = self.add_preload_service("Doorbell").configure_char("ProgrammableSwitchEvent")

    @Camera.run_at_interval(2)
    async def run(self):
        self.moves.set_value(not self.moves.value)
        self.pressed.set_value(0)

    async def start_stream(self, session_info, stream_config):
        print(f"start {stream_config['width']}x{stream_config['height']}", flush=True)
        return await super().start_stream(session_info, stream_config)

    async def stop_stream(self, session_info):
        print("stop", flush=True)
        await super().stop_stream(session_info)


async def main():
    zeroconf = MagicMock()
    zeroconf.async_register_service = AsyncMock()
    zeroconf.async_update_service = AsyncMock()
    zeroconf.async_unregister_service = AsyncMock()
    driver = AccessoryDriver(
        address="127.0.0.1", port=PORT, mac=ID, pincode=CODE.encode(), persist_file=f"{FOLDER}/accessory.state",
        async_zeroconf_instance=zeroconf, loop=asyncio.get_running_loop(),
    )
    driver.add_accessory(Bell(driver, "Hall"))
    await driver.async_start()
    print("serving", flush=True)
    await asyncio.sleep(150)


asyncio.run(main())
