// hap-nodejs as a camera that records, on loopback, without mDNS: node FILE PORT ID CODE FOLDER. Its recordings are made up: a
// head of 700 bytes, then as many fragments as were asked for by the number of the transfer, each of 600000 bytes of that number.
const { Accessory, CameraController, HAPStorage, uuid } = require("hap-nodejs");

const [port, id, code, folder] = process.argv.slice(2);
HAPStorage.setCustomStoragePath(folder);
const accessory = new Accessory("Gate", uuid.generate("aqueduct.test.records"));
const endless = 9;
accessory.configureController(new CameraController({
  cameraStreamCount: 1,
  delegate: {
    handleSnapshotRequest: (_, callback) => callback(undefined, Buffer.alloc(3000, 0xff)),
    prepareStream: (_, callback) => callback(new Error("no streams")),
    handleStreamRequest: (_, callback) => callback(),
  },
  streamingOptions: {
    supportedCryptoSuites: [0],
    video: { codec: { profiles: [0], levels: [0] }, resolutions: [[1280, 720, 30]] },
    audio: { codecs: [{ type: "OPUS", samplerate: 24 }] },
  },
  recording: {
    options: {
      prebufferLength: 4000,
      mediaContainerConfiguration: { type: 0, fragmentLength: 4000 },
      video: { type: 0, parameters: { profiles: [0, 1, 2], levels: [0, 1, 2] }, resolutions: [[1920, 1080, 30], [1280, 720, 30]] },
      audio: { codecs: { type: 0, samplerate: 3, audioChannels: 1 } },
    },
    delegate: {
      updateRecordingActive: active => console.log("active", active),
      updateRecordingConfiguration: of => {
        if (of) {
          const { videoCodec, audioCodec } = of;
          console.log(
            "selected", of.prebufferLength, of.eventTriggerTypes.join(), of.mediaContainerConfiguration.fragmentLength,
            videoCodec.parameters.profile, videoCodec.parameters.level, videoCodec.parameters.bitRate,
            videoCodec.parameters.iFrameInterval, videoCodec.resolution.join("x"), audioCodec.type, audioCodec.audioChannels,
            audioCodec.samplerate, audioCodec.bitrate,
          );
        }
      },
      handleRecordingStreamRequest: async function* (stream) {
        yield { data: Buffer.alloc(700, 0), isLast: false };
        for (let number = 1; number <= stream || stream === endless; number++) {
          yield { data: Buffer.alloc(600_000, number), isLast: number === stream && stream !== endless };
          await new Promise(resolve => setTimeout(resolve, 50));
        }
      },
      acknowledgeStream: stream => console.log("acknowledged", stream),
      closeRecordingStream: (stream, reason) => console.log("closed", stream, reason),
    },
  },
  sensors: { motion: true },
}));
accessory.publish({
  username: id, pincode: code, port: Number(port), category: 17, bind: ["127.0.0.1"], advertiser: "ciao",
  addIdentifyingMaterial: false,
}).then(() => console.log("serving"));
setTimeout(() => process.exit(0), 60_000);
