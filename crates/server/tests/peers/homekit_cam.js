// hap-nodejs as a camera on loopback, without mDNS: node FILE PORT ID CODE FOLDER FFMPEG. It streams a test picture and a tone by
// SRTP, for two at once. What is said to it comes to an ffmpeg of its own, which writes it to FOLDER/heard.s16 (48 kHz, mono).
const { spawn } = require("child_process");
const { createSocket } = require("dgram");
const { join } = require("path");
const { Accessory, CameraController, HAPStorage, Service, Characteristic, uuid } = require("hap-nodejs");

const [port, id, code, folder, ffmpeg] = process.argv.slice(2);
HAPStorage.setCustomStoragePath(folder);
const accessory = new Accessory("Gate", uuid.generate(`aqueduct.test.${id}`));
const asked = new Map();
const running = new Map();
const suite = ["-srtp_out_suite", "AES_CM_128_HMAC_SHA1_80", "-srtp_out_params"];

const picture = ({ video }, { address, video: to }, ssrc) => [
  "-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", `testsrc2=size=${video.width}x${video.height}:rate=${video.fps}`, "-t", "110",
  "-an", "-vcodec", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", `${video.fps}`,
  "-b:v", `${video.max_bit_rate}k`, "-payload_type", `${video.pt}`, "-ssrc", `${ssrc}`, "-f", "rtp", ...suite,
  Buffer.concat([to.srtp_key, to.srtp_salt]).toString("base64"), `srtp://${address}:${to.port}?rtcpport=${to.port}&pkt_size=1378`,
];
const tone = ({ audio }, { address, audio: to }, ssrc) => [
  "-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=24000", "-t", "110", "-vn", "-acodec", "libopus",
  "-application", "lowdelay", "-frame_duration", `${audio.packet_time}`, "-ac", "1", "-ar", "24000", "-b:a", `${audio.max_bit_rate}k`,
  "-payload_type", `${audio.pt}`, "-ssrc", `${ssrc}`, "-f", "rtp", ...suite,
  Buffer.concat([to.srtp_key, to.srtp_salt]).toString("base64"), `srtp://${address}:${to.port}?rtcpport=${to.port}&pkt_size=188`,
];

// ffmpeg takes the port behind it as well
const freePort = () => new Promise((resolve, reject) => {
  const socket = createSocket("udp4").on("error", reject);
  socket.bind(0, "127.0.0.1", () => {
    const { port } = socket.address();
    socket.close(() => resolve(port % 2 === 0 ? port : freePort()));
  });
});
// Opus ticks at the sample rate, as HomeKit has it
const description = ({ audio }, { audio: from, talkPort }) => `v=0
o=- 0 0 IN IP4 127.0.0.1
s=Talk
c=IN IP4 127.0.0.1
t=0 0
m=audio ${talkPort} RTP/SAVP ${audio.pt}
a=rtpmap:${audio.pt} opus/${audio.sample_rate * 1000}/2
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.concat([from.srtp_key, from.srtp_salt]).toString("base64")}
`;
const hearing = [
  "-v", "warning", "-protocol_whitelist", "pipe,udp,rtp,srtp,crypto", "-f", "sdp", "-i", "pipe:", "-t", "110", "-af", "pan=mono|c0=c0",
  "-ar", "48000", "-f", "s16le", "-flush_packets", "1", "-y", join(folder, "heard.s16"),
];

const delegate = {
  handleSnapshotRequest: (_, callback) => callback(undefined, Buffer.alloc(3000, 0xff)),
  prepareStream: (request, callback) => {
    const ssrcs = [CameraController.generateSynchronisationSource(), CameraController.generateSynchronisationSource()];
    const media = (medium, port, ssrc) => ({ port, ssrc, srtp_key: medium.srtp_key, srtp_salt: medium.srtp_salt });
    freePort().then((talkPort) => {
      const { targetAddress: address, video, audio } = request;
      asked.set(request.sessionID, { address, video, audio, ssrcs, talkPort });
      callback(undefined, { video: media(video, 40000, ssrcs[0]), audio: media(audio, talkPort, ssrcs[1]) });
    }, callback);
  },
  handleStreamRequest: (request, callback) => {
    const wish = asked.get(request.sessionID);
    if (request.type === "start") {
      console.log(`start ${request.video.width}x${request.video.height} ${request.audio.codec}`);
      const start = (arguments_, stdin = "") => {
        const child = spawn(ffmpeg, arguments_, { stdio: ["pipe", "ignore", "inherit"] });
        child.on("error", (error) => console.error(`${error}`));
        child.stdin.on("error", (error) => console.error(`${error}`)).end(stdin);
        return child;
      };
      running.set(request.sessionID, [
        start(picture(request, wish, wish.ssrcs[0])), start(tone(request, wish, wish.ssrcs[1])),
        start(hearing, description(request, wish)),
      ]);
    } else if (request.type === "stop") {
      console.log("stop");
      for (const child of running.get(request.sessionID) ?? []) child.kill("SIGKILL");
      running.delete(request.sessionID);
    }
    callback();
  },
};
accessory.configureController(new CameraController({
  cameraStreamCount: 2,
  delegate,
  streamingOptions: {
    supportedCryptoSuites: [0],
    video: { codec: { profiles: [0, 1, 2], levels: [0, 1, 2] }, resolutions: [[640, 360, 15], [320, 240, 15]] },
    audio: { twoWayAudio: true, codecs: [{ type: "OPUS", samplerate: 24 }] },
  },
}));
const sensor = accessory.addService(Service.MotionSensor, "Motion");
let moves = false;
setInterval(() => sensor.updateCharacteristic(Characteristic.MotionDetected, (moves = !moves)), 2000).unref();
accessory.publish({
  username: id, pincode: code, port: Number(port), category: 17, bind: ["127.0.0.1"], advertiser: "ciao",
  addIdentifyingMaterial: false,
}).then(() => console.log("serving"));
setTimeout(() => process.exit(0), 150_000);
